{% import 'macros.sql' as m with context %}
-- Two values with one hash would join strangers: as many values as hashes, or another salt.
select (select count(distinct value_hash) from {{ links }}) - (
{% for one in identifiers %}
    (select count(distinct value) from (select {{ "unnest(" ~ one.kept ~ ")" if one.array else one.kept }} as value from {{ scope }})) +
{% endfor %}
{% if shared %}
    (select count(distinct (connection, id_kind, identity_id)) from {{ scope }} where connection in ({{ shared | map('literal') | join(', ') }}))
{% else %}
    0
{% endif %}
);
