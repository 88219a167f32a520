create or replace temp table jumped as
select j.u, coalesce(k.p, q.p, j.p) as p, k.p is not null or q.p is not null as moved
from temp.jumping as j
left join temp.jumping as k on k.u = j.p
left join temp.parents{{ round }} as q on q.u = j.p;

create or replace temp table jumping as
select u, p from temp.jumped;
