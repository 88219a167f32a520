-- Those that jump go as far again as where they are goes.
create or replace temp table jumped as
select j.u, coalesce(k.p, j.p) as p, k.p is not null as moved
from temp.jumping as j
left join temp.jumping as k on k.u = j.p;

create or replace temp table jumping as
select u, p from temp.jumped;
