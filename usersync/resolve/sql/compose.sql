-- The roots of a round, followed on through the labels of the rounds after it.
create or replace temp table composed as
select a.u as node, coalesce(b.root, a.p) as root
from temp.roots{{ round }} as a
left join temp.labels as b on b.node = a.p
union all
select node, root from temp.labels;

drop table temp.labels;

alter table temp.composed rename to labels;
