-- Every node points at its smallest smaller neighbour; those whose parent has one too jump on until they reach a root.
create or replace temp table parents{{ round }} as
select u, min(w) as p, count(*) > 1 as more
from {{ edges }}
group by u;

create or replace temp table jumping as
select a.u, b.p
from temp.parents{{ round }} as a
join temp.parents{{ round }} as b on a.p = b.u;
