{% import 'macros.sql' as m with context %}
-- How many values pass max_identities_per_value in this build, up or down.
select count(*)
from (
    select v, coalesce(h.identities, 0) > {{ limit }} as over
    from (select v from temp.came union select v from temp.went)
    left join temp.holders as h using (v)
) as t
where t.over <> (t.v in (select v from temp.over))
{% if over %}
    or exists (
        -- Another value with the hash of one that counts as null.
        from (
{{ m.values("temp.arrived", identifiers, shared, salt) }}
        ) as x
        join temp.over as o on o.v = x.v
        where o.value <> x.value or o.property is distinct from x.property
    )
{% endif %};
