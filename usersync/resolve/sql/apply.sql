-- While the scope is still as it was resolved.
delete from usersync.overruled_values
{% if not full %}
where (pipeline, id_kind, identity_id) in (
    select (pipeline, id_kind, identity_id) from {{ scope }}
    union all
    select (pipeline, _old.id_kind, _old.identity_id) from temp.delta where _old is not null
)
{% endif %};

{% if parted %}
insert into usersync.overruled_values by name
select
    case when o.level > 0 then {{ "([" ~ (identifiers | map(attribute='path') | map('literal') | join(', ')) ~ "]::varchar[])" }}[o.level] end as property,
    case o.level when -1 then t.pipeline || ':' || t.identity_id when 0 then s.identity_id else o.value end as value,
    s.pipeline,
    s.identity_id,
    s.id_kind
from temp.overruled as o
join {{ scope }} as s on s._pk = o._pk
left join {{ scope }} as t on t._pk = o.other
order by all;

{% endif %}
-- Deleting and inserting touches few row groups; an update in place would rewrite every one that has a row of it.
delete from usersync.identity_rows
where _pk in (select _pk from temp.delta where _action <> 'insert');

insert into usersync.identity_rows by name
from temp.arrived;

delete from usersync.user_rows
where _user in (select _user from temp.user_delta where _action <> 'insert');

insert into usersync.user_rows by name
select * exclude (_action)
from temp.user_delta
where _action <> 'delete'
order by _user;

insert into usersync.user_changes by name
select
    {{ run_id | literal }} as run_id,
    timestamp {{ now | literal }} as "at",
    m.change,
    if(m.change = 'merged', k.user_id, m.user_id) as user_id,
    case m.change when 'merged' then m.user_id when 'split' then k.user_id end as old_user_id
from temp.user_moves as m
left join temp.user_keys as k on k._user = m.other_user
order by m._user, m.change, m.other_user;

delete from user_accounts
where (user_id, account_id) in (select (user_id, account_id) from temp.account_delta);

insert into user_accounts by name
select user_id, account_id, account_name
from temp.account_delta
where alive;

insert into usersync.id_seeds
from temp.id_seeds
where first_age not in (select first_age from usersync.id_seeds);

delete from usersync.ignored_values;

insert into usersync.ignored_values by name
select *
from temp.ignored
order by all;

delete from usersync.decisions;

insert into usersync.decisions by name
select *
from temp.decided;

{% if full %}
create or replace table usersync.links as
from temp.links;

create or replace table usersync.nodes as
select _pk, component
from temp.placed
order by _pk;

create or replace table usersync.components as
select component, _pk, _user
from temp.placed
order by component, _pk;

{% else %}
create or replace temp table settled as
select coalesce(p._pk, b._pk) as _pk, p.component, p._user, b.component as old_component
from temp.placed as p
full join temp.before as b on b._pk = p._pk
where p.component is distinct from b.component or p._user is distinct from b._user;

delete from usersync.components
where rowid in (select place from temp.before where _pk in (select _pk from temp.settled));

insert into usersync.components
select component, _pk, _user
from temp.settled
where component is not null
order by component, _pk;

delete from usersync.nodes
where _pk in (select _pk from temp.settled where component is distinct from old_component);

insert into usersync.nodes
select _pk, component
from temp.settled
where component is not null and component is distinct from old_component
order by _pk;

delete from usersync.links
where rowid in (
    select place
    from temp.hits
    where value_hash in (select v from temp.went)
        and (member & 4294967295)::bigint in (select (member & 4294967295)::bigint from temp.went)
);

insert into usersync.links
select v, member
from temp.came
order by all;
{% endif %}

delete from usersync.state;

insert into usersync.state
select unnest([{{ state.keys() | map('literal') | join(', ') }}]), unnest([{{ state.values() | map('literal') | join(', ') }}]);
