-- For a user of very many identities: what each can be matched by, and the walk's start. The hash only chooses whom to
-- look at, so two values with one hash do no harm.
create or replace temp table pieces as
with kept as (
    select _pk, _age, level, value
    from temp.held
    anti join temp.held_ignored using (level, value)
    where side = 0
),

bits as (
    select _pk, bit_or(1::ubigint << level) as bits
    from kept
    where level < {{ same_id }}
    group by _pk
)

select k._pk, k._age, hash(k.level, k.value) as v, if(k.level = {{ same_id }}, 0::ubigint, b.bits & ((1::ubigint << k.level) - 1)) as mask
from kept as k
left join bits as b on b._pk = k._pk
where (k._pk, k.level, k.value) not in (select (_pk, level, value) from temp.overruled)
union all
select e._pk, e._age, hash(d.a, d.b), 0::ubigint
from usersync.decisions as d
join temp.explained as e on e._pk in (d.a, d.b)
where d.decision = 'link' and e.side = 0;

create or replace temp table masks as
select v, mask
from temp.pieces
group by v, mask;

create or replace temp table frontier as
select _pk, _age, null::bigint as parent, 0 as distance
from temp.explained
where side = 0 and {{ start }};

create or replace temp table reached as
from temp.frontier;
