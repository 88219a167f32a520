-- Roots of this round: one that jumped is at a root by now, or one step below it.
create or replace temp table roots{{ round }} as
select q.u, coalesce(j.p, q.p) as p, q.p as parent, q.more
from temp.parents{{ round }} as q
left join (
    select j.u, coalesce(k.p, j.p) as p
    from temp.jumping as j
    left join temp.parents{{ round }} as k on k.u = j.p
) as j on j.u = q.u;

-- The edges that are left between them: most were the way to a parent, and all of those who have but one.
create or replace temp table edges{{ round }} as
select distinct greatest(x, y) as u, least(x, y) as w
from (
    select e.x, coalesce(b.p, e.w) as y
    from (
        select a.p as x, e.w
        from {{ edges }} as e
        join temp.roots{{ round }} as a on a.u = e.u and a.parent <> e.w
        where a.more
    ) as e
    left join temp.roots{{ round }} as b on b.u = e.w
)
where x <> y;
