-- A cluster is a user when some identity in it creates users. Its id is that of its oldest identity which creates
-- users, or inherited its id from one that did: whatever the order and the way in which the cluster came together.
create or replace temp table members as
select r._pk, coalesce(l.root, r._pk) as cluster, r._own_id, r._age, r._creates, r._heir, u.user_id as old_user_id
from usersync.identity_rows as r
left join temp.labels as l on l.node = r._pk
left join usersync.identity_users as u on u._pk = r._pk;

create or replace temp table owners as
select
    cluster,
    arg_min(_own_id, _age) filter (_creates or _heir) as user_id,
    arg_min(coalesce(old_user_id::varchar, ''), _age) filter (_creates or _heir) as old_user_id
from temp.members
group by cluster
having bool_or(_creates);

create or replace temp table identity_users as
select m._pk, m._own_id, o.user_id
from temp.members as m
left join temp.owners as o on o.cluster = m.cluster;

create or replace temp table moved as
select
    coalesce(n._pk, o._pk) as _pk,
    o.user_id as old_user_id,
    n.user_id,
    n._pk is not null as alive
from temp.identity_users as n
full join usersync.identity_users as o on o._pk = n._pk
where o._pk is null or n._pk is null or n.user_id is distinct from o.user_id;

-- The value of a property: the primary source's latest, else the latest; ties go to the smaller (pipeline, id).
create or replace temp table golden as
with members as (
    select
        u.user_id,
        r.*,
        row_number() over (order by r.updated_at, r.pipeline desc, r.identity_id desc, r.id_kind desc) as _rank
    from usersync.identity_rows as r
    join temp.identity_users as u on u._pk = r._pk
    where u.user_id is not null
)

select
    user_id,
{% for leaf in leaves %}
    {{ leaf.golden }} as {{ leaf.column | ident }},
{% endfor %}
    count(*) as identity_count,
    max(updated_at) as updated_at
from members
group by user_id;

create or replace temp table user_delta as
select
    case when o.user_id is null then 'insert' when g.user_id is null then 'delete' else 'update' end as _action,
    coalesce(g.user_id, o.user_id) as user_id,
{% for leaf in leaves %}
    g.{{ leaf.column | ident }},
{% endfor %}
    g.identity_count,
    coalesce(o.created_at, timestamp {{ now | literal }}) as created_at,
    g.updated_at
from temp.golden as g
full join usersync.user_rows as o on o.user_id = g.user_id
where o.user_id is null
    or g.user_id is null
    or g.identity_count is distinct from o.identity_count
    or g.updated_at is distinct from o.updated_at
{% for leaf in leaves %}
    or g.{{ leaf.column | ident }} is distinct from o.{{ leaf.column | ident }}
{% endfor %}
;

-- What became of users: for whoever keeps a table by user_id.
insert into usersync.user_changes by name
select
    {{ run_id | literal }} as run_id,
    timestamp {{ now | literal }} as "at",
    case
        when d._action = 'insert' then if(o.old_user_id = '', 'created', 'split')
        else if(h.user_id is null, 'deleted', 'merged')
    end as change,
    coalesce(h.user_id, d.user_id) as user_id,
    if(d._action = 'insert', nullif(o.old_user_id, '')::uuid, if(h.user_id is null, null, d.user_id)) as old_user_id
from temp.user_delta as d
left join temp.owners as o on o.user_id = d.user_id
left join (
    select i._own_id, i.user_id
    from temp.identity_users as i
    semi join (select user_id from temp.user_delta where _action = 'delete') as lost on lost.user_id = i._own_id
) as h on h._own_id = d.user_id
where d._action <> 'update'
order by change, d.user_id;

merge into usersync.identity_users as t
using (select _pk from temp.moved) as s
on t._pk = s._pk
when matched then delete;

merge into usersync.identity_users as t
using (select _pk, user_id from temp.moved where alive) as s
on t._pk = s._pk
when not matched then insert by name;

merge into usersync.user_rows as t
using (select user_id from temp.user_delta where _action <> 'insert') as s
on t.user_id = s.user_id
when matched then delete;

merge into usersync.user_rows as t
using (select * exclude (_action) from temp.user_delta where _action <> 'delete') as s
on t.user_id = s.user_id
when not matched then insert by name;

-- Accounts of a user, each once; the name is the latest.
create or replace temp table accounts as
select user_id, account_id, arg_max(account_name, _rank) as account_name
from (
    select
        u.user_id,
        unnest(r.account_ids) as account_id,
        r.account_name,
        row_number() over (order by r.updated_at, r.pipeline desc, r.identity_id desc, r.id_kind desc) as _rank
    from usersync.identity_rows as r
    join temp.identity_users as u on u._pk = r._pk
    where u.user_id is not null and r.account_ids is not null
)
group by user_id, account_id;

create or replace temp table account_delta as
select coalesce(n.user_id, o.user_id) as user_id, coalesce(n.account_id, o.account_id) as account_id, n.account_name, n.user_id is not null as alive
from temp.accounts as n
full join user_accounts as o on o.user_id = n.user_id and o.account_id = n.account_id
where o.user_id is null or n.user_id is null or o.account_name is distinct from n.account_name;

merge into user_accounts as t
using temp.account_delta as s
on t.user_id = s.user_id and t.account_id = s.account_id
when matched then delete;

merge into user_accounts as t
using (select user_id, account_id, account_name from temp.account_delta where alive) as s
on t.user_id = s.user_id and t.account_id = s.account_id
when not matched then insert by name;
