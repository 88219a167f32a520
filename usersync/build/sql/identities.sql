-- New identities get a key, an age and an id of their own, in an order that no thread or source decides.
create or replace temp table born as
select
    pipeline,
    identity_id,
    id_kind,
    row_number() over (order by pipeline, identity_id, id_kind)
        + (select coalesce(max(_pk), 0) from usersync.identity_rows) as _pk,
    uuid() as _own_id
from temp.delta
where _action = 'insert';

update temp.delta as d
set _pk = b._pk, _age = b._pk, _own_id = b._own_id
from temp.born as b
where d._action = 'insert' and d.pipeline = b.pipeline and d.identity_id = b.identity_id and d.id_kind = b.id_kind;

-- A user's id is that of one of its identities. When that one goes, the next oldest of the user inherits id and age.
create or replace temp table heirs as
with gone as (
    select d._pk, d._own_id, d._age, u.user_id
    from temp.delta as d
    join usersync.identity_users as u on u._pk = d._pk
    where d._action = 'delete' and d._own_id = u.user_id
)

select arg_min(r._pk, r._age + if(r._creates, 0, 1::bigint << 60)) as _pk, any_value(g._own_id) as _own_id, any_value(g._age) as _age
from gone as g
join usersync.identity_users as u on u.user_id = g.user_id
join usersync.identity_rows as r on r._pk = u._pk
anti join (select _pk from temp.delta where _action = 'delete') as d on d._pk = r._pk
group by g.user_id;

insert into temp.delta by name
select 'inherit' as _action, r.*
from usersync.identity_rows as r
semi join temp.heirs as h on h._pk = r._pk
anti join temp.delta as d on d._pk = r._pk;

update temp.delta as d
set _own_id = h._own_id, _age = h._age, _heir = true
from temp.heirs as h
where d._pk = h._pk;

-- Deleting and inserting touches few row groups; an updating MERGE would rewrite every one that it finds a row in.
merge into usersync.identity_rows as t
using (select _pk from temp.delta where _action <> 'insert') as s
on t._pk = s._pk
when matched then delete;

merge into usersync.identity_rows as t
using (select * exclude (_action) from temp.delta where _action <> 'delete') as s
on t._pk = s._pk
when not matched then insert by name;
