-- How many values pass max_identities_per_value in this build, up or down.
select count(*)
from (
    select v, coalesce(h.identities, 0) > {{ limit }} as over
    from (select v from temp.came union select v from temp.went)
    left join temp.holders as h using (v)
) as t
where t.over <> (t.v in (select v from temp.over));
