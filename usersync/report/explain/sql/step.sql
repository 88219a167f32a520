-- All holders of a value with masks that meet the frontier's are reached at once: those need no second look.
create or replace temp table hits as
select p.v, m.mask, arg_min(f._pk, f._age) as parent
from temp.frontier as f
join temp.pieces as p on p._pk = f._pk
join temp.masks as m on m.v = p.v and m.mask & p.mask = 0
group by p.v, m.mask;

delete from temp.masks
where (v, mask) in (select (v, mask) from temp.hits);

create or replace temp table frontier as
select p._pk, any_value(p._age) as _age, min(h.parent) as parent, {{ distance }} as distance
from temp.pieces as p
join temp.hits as h on h.v = p.v and h.mask = p.mask
where p._pk not in (select _pk from temp.reached)
group by p._pk;

insert into temp.reached
from temp.frontier;
