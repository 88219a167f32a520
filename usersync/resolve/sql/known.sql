-- Which values too many identities shared so far.
create or replace temp table over as
{% for one in identifiers %}
select property, value, identities, {{ hashed(one.level, "value", salt) }} as v
from usersync.ignored_values
where reason = 'max_identities_per_value' and property = {{ one.path | literal }}
union all
{% endfor %}
select null::varchar, null::varchar, null::bigint, null::ubigint
where false;
