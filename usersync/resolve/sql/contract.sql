-- Roots of this round, and the edges that are left between them.
create or replace temp table roots{{ round }} as
select q.u, coalesce(j.p, q.p) as p
from temp.parents{{ round }} as q
left join temp.jumping as j on j.u = q.u;

create or replace temp table edges{{ round }} as
select distinct greatest(x, y) as u, least(x, y) as w
from (
    select coalesce(a.p, e.u) as x, coalesce(b.p, e.w) as y
    from {{ edges }} as e
    left join temp.roots{{ round }} as a on a.u = e.u
    left join temp.roots{{ round }} as b on b.u = e.w
)
where x <> y;
