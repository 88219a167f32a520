{% import 'macros.sql' as m with context %}
-- The values that matched nobody, and how many identities hold each.
create or replace temp table ignored as
select property, value, sum(identities)::bigint as identities, 'ignore_values' as reason
from (
{% if full %}
{{ m.listed(scope, identifiers, 1) }}
{% else %}
    select property, value, identities from usersync.ignored_values where reason = 'ignore_values'
    union all by name
    ({{ m.listed("temp.arrived", identifiers, 1) }})
    union all by name
    ({{ m.listed("temp.former", identifiers, -1) }})
{% endif %}
)
group by property, value
having sum(identities) > 0
{% if over %}
union all
{% if full %}
select property, value, count(distinct _pk), 'max_identities_per_value'
from temp.over_values
where level < 255 and v in (select v from temp.over)
group by property, value
{% else %}
select o.property, o.value, coalesce(h.identities, o.identities), 'max_identities_per_value'
from temp.over as o
left join temp.holders as h using (v)
{% endif %}
{% endif %};
