{% import 'macros.sql' as m with context %}
-- A value that too many identities share counts as null, so those who hold it have other masks.
create or replace temp table over_holders as
select distinct (member & 4294967295)::bigint as _pk
from {{ links }}
where {{ hash }} in (select v from temp.over);

create or replace temp table over_values as
{{ m.values("(select * from " ~ relation ~ " semi join temp.over_holders using (_pk))", identifiers, shared, salt) }};

create or replace temp table over_masks as
select _pk, bit_or(1::ubigint << level) as bits
from temp.over_values
where level < 255 and v not in (select v from temp.over)
group by _pk;

delete from {{ links }}
where (member & 4294967295)::bigint in (select _pk from temp.over_holders);

insert into {{ links }}
select o.v, if(o.level = 255, 0::ubigint, (coalesce(b.bits, 0::ubigint) & ((1::ubigint << o.level) - 1)) << 32) + o._pk::ubigint
from temp.over_values as o
left join temp.over_masks as b using (_pk);
