-- {{ pipeline }}: fallback values in question: of rows without user id, and of stored identities that a user id shows now.
create or replace temp table contested as
select fallback_id
from {{ rows }}
where id_kind = 'fallback' and identity_id is not null
union
select identity_id
from usersync.identity_rows
where pipeline = {{ pipeline | literal }}
    and id_kind = 'fallback'
    and identity_id in (select fallback_id from {{ shown }});

-- User ids that showed such a value before, and that this read says nothing newer of.
create or replace temp table remembered as
with stored as (
    select fallback_id, identity_id, updated_at
    from usersync.identity_rows
    where pipeline = {{ pipeline | literal }}
        and id_kind = 'user_id'
        and fallback_id in (select fallback_id from temp.contested)
)

select fallback_id, identity_id
from stored as e
anti join (
{% if full %}
    select identity_id
    from {{ rows }}
    where id_kind = 'user_id' and "rejected reason" is null and identity_id in (select identity_id from stored)
) as m on m.identity_id = e.identity_id;
{% else %}
    select identity_id, updated_at
    from {{ shown }}
    where identity_id in (select identity_id from stored)
) as m on m.identity_id = e.identity_id and m.updated_at >= e.updated_at;
{% endif %}

-- Whose each value is: the oldest identity's; of those that are new the smallest. A full read is asked first.
create or replace temp table takers as
with claims as (
    select fallback_id, identity_id, {{ "0" if full else "1" }} as turn
    from {{ shown }}
    where fallback_id in (select fallback_id from temp.contested)
    union all
    select fallback_id, identity_id, 1 as turn
    from temp.remembered
),

stored as (
    select identity_id, _age
    from usersync.identity_rows
    where pipeline = {{ pipeline | literal }}
        and id_kind = 'user_id'
        and identity_id in (select identity_id from claims)
)

select
    c.fallback_id,
    arg_min(c.identity_id, row(c.turn, s._age is null, coalesce(s._age, 0), c.identity_id)) as identity_id
from claims as c
left join stored as s on s.identity_id = c.identity_id
group by c.fallback_id;

-- Stored identities that become one under a user id.
create or replace temp table joining as
with switching as (
    select e.*, t.identity_id as taker
    from usersync.identity_rows as e
    join temp.takers as t on t.fallback_id = e.identity_id
    where e.pipeline = {{ pipeline | literal }} and e.id_kind = 'fallback'
)

from switching
union all by name
select *, identity_id as taker
from usersync.identity_rows
where pipeline = {{ pipeline | literal }}
    and id_kind = 'user_id'
    and identity_id in (select taker from switching);

-- What becomes of them: the key of the one with the user id if it is there, the age of the oldest, the latest values.
create or replace temp table joined as
select
    l.* replace (
        e._pk as _pk,
        o._age as _age,
        e._heir or (o._pk <> e._pk and (o._heir or o._creates)) as _heir,
        e.connection as connection,
        e._creates as _creates,
        'user_id' as id_kind,
        l.taker as identity_id,
        coalesce(l.fallback_id, e.fallback_id) as fallback_id,
        o.first_run as first_run
    ),
    {{ old }} as _old
from (
    select
        arg_min(_pk, row(id_kind = 'fallback', _age)) as key,
        arg_min(_pk, _age) as oldest,
        arg_max(_pk, row(updated_at, id_kind, -_age)) as latest
    from temp.joining
    group by taker
) as g
join temp.joining as e on e._pk = g.key
join temp.joining as o on o._pk = g.oldest
join temp.joining as l on l._pk = g.latest;

-- Of the good rows of one identity the latest decides, one with the user id before one without.
create or replace temp table beaten as
select place
from (
    select
        place,
        row_number() over (partition by taker order by updated_at desc, id_kind desc, fallback_id) as rank
    from (
        select m.rowid as place, t.identity_id as taker, m.updated_at, m.id_kind, m.fallback_id
        from {{ rows }} as m
        join temp.takers as t on t.fallback_id = m.fallback_id
        where m.id_kind = 'fallback' and m."rejected reason" is null
        union all
        select rowid, identity_id, updated_at, id_kind, fallback_id
        from {{ rows }}
        where id_kind = 'user_id'
            and "rejected reason" is null
            and identity_id in (select identity_id from temp.takers)
    )
)
where rank > 1;

create or replace temp view rows_taken as
select
    m.* replace (
        coalesce(t.identity_id, m.identity_id) as identity_id,
        if(t.identity_id is null, m.id_kind, 'user_id') as id_kind
    )
from {{ rows }} as m
left join temp.takers as t on t.fallback_id = case when m.id_kind = 'fallback' then m.fallback_id end
where m.rowid not in (select place from temp.beaten);
