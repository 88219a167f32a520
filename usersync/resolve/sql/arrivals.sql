-- New identities get an age and an id of their own. Age is in an order that no thread or source decides; the key is only a
-- place, so that rows lie in the order of their keys.
create or replace temp table born as
select
    row,
    {{ last_key }} + 1 + row - (select min(rowid) from temp.delta) as _pk,
    {{ last_key }} + row_number() over (order by pipeline, identity_id, id_kind) as _age,
    uuid() as _own_id
from (select rowid as row, pipeline, identity_id, id_kind from temp.delta where _action = 'insert');

-- A user's id is that of one of its identities. When that one goes, the next oldest of the user inherits id and age.
create or replace temp table gone as
select d._own_id, d._age
from temp.delta as d
where d._action = 'delete'
    and d._own_id not in (select _own_id from temp.delta where _action = 'update');

create or replace temp table survivors as
select c._pk, g._own_id, c._user
from usersync.components as c
join temp.gone as g on g._age = c._user
where c._pk not in (select _pk from temp.delta where _action = 'delete');

create or replace temp table heirs as
select arg_min(r._pk, r._age + if(r._creates, 0, 1::bigint << 60)) as _pk, any_value(s._own_id) as _own_id, s._user as _age
from usersync.identity_rows as r
join temp.survivors as s on s._pk = r._pk
group by s._user;

update temp.delta as d
set _pk = b._pk, _age = b._age, _own_id = b._own_id
from temp.born as b
where d.rowid = b.row;

drop table temp.born;

update temp.delta as d
set _age = h._age, _own_id = h._own_id, _heir = true
from temp.heirs as h
where d._pk = h._pk and d._action <> 'delete';
