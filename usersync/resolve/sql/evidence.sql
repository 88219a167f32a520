{% import 'macros.sql' as m with context %}
-- All that may join the identities of such a component.
create or replace temp table torn_members as
select _pk, component, _age
from temp.members
where component in (select component from temp.torn);

create or replace temp table evidence as
with held as (
    select distinct level, value, _pk
    from (
{{ m.values("(select * from " ~ scope ~ " semi join temp.torn_members using (_pk))", identifiers, shared, salt) }}
    )
{% if over %}
    where v not in (select v from temp.over)
{% endif %}
),

bits as (
    select _pk, bit_or(1::ubigint << level) as bits
    from held
    where level < 255
    group by _pk
)

-- A link counts as evidence of the younger of its two.
select
    if(h.level = 255, 0, h.level + 1)::integer as level,
    h.value,
    h._pk,
    if(h.level = 255, 0::ubigint, b.bits & ((1::ubigint << h.level) - 1)) as mask,
    t._age,
    null::bigint as other
from held as h
join temp.torn_members as t on t._pk = h._pk
left join bits as b on b._pk = h._pk
-- A value of one identity alone is no evidence.
semi join (select level, value from held group by all having count(*) > 1) as s on s.level = h.level and s.value = h.value
union all
select
    -1,
    lpad(least(a._age, b._age)::varchar, 20, '0'),
    if(a._age > b._age, a._pk, b._pk),
    0,
    greatest(a._age, b._age),
    if(a._age > b._age, b._pk, a._pk)
from temp.decided as d
join temp.torn_members as a on a._pk = d.a
join temp.torn_members as b on b._pk = d.b
where d.decision = 'link';
