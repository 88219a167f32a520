{% import 'macros.sql' as m with context %}
-- Values by which users become one; a new identity counts as one that had been a user of its own.
select v.property, if(v.level = 255, split_part(v.value, chr(31), 3), v.value) as value, count(distinct coalesce(p.old_user, -p._pk)) as users
from (
{{ m.values("(select * from " ~ scope ~ " where _pk in (select _pk from temp.placed where _user in (select other_user from temp.user_moves where change = 'merged')))", identifiers, shared, salt) }}
) as v
join temp.placed as p on p._pk = v._pk
where v.v not in (select v from temp.over)
group by v.level, v.property, v.value
having count(distinct coalesce(p.old_user, -p._pk)) > 1
order by users desc, v.level, v.value
limit 5
