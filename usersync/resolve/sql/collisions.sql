{% import 'macros.sql' as m with context %}
-- Two values with one hash would join strangers: as many values as hashes, or another salt.
-- The links are in order, so each hash begins once.
select count(*) - (
{% for one in identifiers %}
    (select count(distinct value) from (select {{ "unnest(" ~ one.kept ~ ")" if one.array else one.kept }} as value from {{ scope }})) +
{% endfor %}
{% if shared %}
    (select count(distinct (connection, id_kind, identity_id)) from {{ scope }} where connection in ({{ shared | map('literal') | join(', ') }}))
{% else %}
    0
{% endif %}
)
from (select value_hash is distinct from lag(value_hash) over () as begins from temp.links)
where begins;
