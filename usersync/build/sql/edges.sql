-- Two identities with one value match exactly when their masks are disjoint. So per value it is enough to tie each mask
-- to one member of its own, and those members of two disjoint masks to each other: never a join of all pairs.
create or replace temp table masks as
select k, v, mask, min(_pk) as member, count(*) as members
from temp.links
semi join (select k, v from temp.links group by k, v having count(*) > 1) as shared using (k, v)
group by k, v, mask;

create or replace temp table mask_pairs as
select a.k, a.v, a.mask, b.mask as other_mask, a.member, b.member as other_member
from temp.masks as a
join temp.masks as b on b.k = a.k and b.v = a.v and a.mask & b.mask = 0
where a.mask < b.mask or (a.mask = b.mask and a.members > 1);

create or replace temp table edges as
select greatest(a, b) as u, least(a, b) as w
from (
    select l._pk as a, t.member as b
    from temp.links as l
    join (
        select k, v, mask, member from temp.mask_pairs
        union
        select k, v, other_mask, other_member from temp.mask_pairs
    ) as t on t.k = l.k and t.v = l.v and t.mask = l.mask
    union
    select member, other_member from temp.mask_pairs
)
where a <> b;
