-- Changed identities of the attached warehouse, so many as the variable `changes` says, as rows of temp.delta; another
-- variable, `draw`, makes others of them. Of ten one is new, one is deleted, four have a new value of an identifier, four
-- that of someone else. Clusters of over 900 identities, which the hub values make, are left out.
create temp table sampled as
select i._pk, row_number() over (order by hash('changed', getvariable('draw'), i._pk)) as number
from warehouse.usersync.identity_rows as i
join warehouse.usersync.components as c on c._pk = i._pk
where c.component not in (
    select component
    from warehouse.usersync.components
    group by component
    having count(*) > 900
)
qualify number <= 2 * getvariable('changes');

-- Everyone that changes, with someone else to take values from.
create temp table paired as
select
    a.number,
    ['customer_id', 'email', 'phone', 'anonymous_id'][1 + (hash('which', getvariable('draw'), a.number) % 4)::bigint] as which,
    format('new{}.{}', getvariable('draw'), a.number) as novel,
    e as mine,
    o as other
from sampled as a
join sampled as b on b.number = a.number + getvariable('changes')
join warehouse.usersync.identity_rows as e on e._pk = a._pk
join warehouse.usersync.identity_rows as o on o._pk = b._pk
where a.number <= getvariable('changes');

create table changes as
with numbered as (
    select number, number % 10 as kind, which, novel, mine, other
    from paired
),

valued as (
    select
        number,
        kind,
        mine,
        kind = 0 as fresh,
        case
            when kind = 0 and number % 20 = 0 then {customer_id: null, email: [novel], phone: novel, anonymous_id: [novel]}
            when kind = 0 then {customer_id: null, email: other.email, phone: novel, anonymous_id: [novel]}
            when kind = 1
                then {customer_id: mine.customer_id, email: mine.email, phone: mine.phone, anonymous_id: mine.anonymous_id}
            else {
                customer_id: case when which <> 'customer_id' then mine.customer_id when kind < 6 then novel else other.customer_id end,
                email: case when which <> 'email' then mine.email when kind < 6 then [novel] else other.email end,
                phone: case when which <> 'phone' then mine.phone when kind < 6 then novel else other.phone end,
                anonymous_id: case
                    when which <> 'anonymous_id' then mine.anonymous_id
                    when kind < 6 then [novel]
                    else other.anonymous_id
                end
            }
        end as new
    from numbered
)

select
    case kind when 0 then 'insert' when 1 then 'delete' else 'update' end as _action,
    if(fresh, null, mine._pk) as _pk,
    if(fresh, null, mine._age) as _age,
    if(fresh, false, mine._heir) as _heir,
    true as _creates,
    mine.pipeline as pipeline,
    mine.connection as connection,
    if(fresh, (last + number)::varchar, mine.identity_id) as identity_id,
    'user_id' as id_kind,
    if(kind = 1, mine.updated_at, timestamp '2026-01-01' + to_seconds(number)) as updated_at,
    new.customer_id as customer_id,
    new.email as email,
    new.phone as phone,
    new.anonymous_id as anonymous_id,
    mine.first_name as first_name,
    mine.last_name as last_name,
    mine.city as city,
    mine.country as country,
    mine.plan as plan,
    mine.orders as orders,
    mine.first_run as first_run,
    'changes' as last_run,
    if(fresh, null, {
        connection: mine.connection,
        id_kind: mine.id_kind,
        identity_id: mine.identity_id,
        _age: mine._age,
        _creates: mine._creates,
        customer_id: mine.customer_id,
        email: mine.email,
        phone: mine.phone,
        anonymous_id: mine.anonymous_id
    }) as _old
from valued, (select max(identity_id::bigint) as last from warehouse.usersync.identity_rows)
order by hash('order', number);
