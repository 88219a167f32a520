-- New identities get an age, in an order that no thread or source decides, and a key, which is only a place: rows lie in
-- the order of their keys.
create or replace temp table born as
select row, {{ last_key }} + row_number() over () as _age
from (
    select row
    from (select rowid as row, pipeline, identity_id, id_kind from temp.delta where _action = 'insert')
    order by pipeline, identity_id, id_kind
);

update temp.delta as d
set _pk = {{ last_key }} + 1 + b.row - (select min(rowid) from temp.delta), _age = b._age
from temp.born as b
where d.rowid = b.row;

drop table temp.born;

-- What the ids of all ages are made with. A seed for each build that has new identities: a file that was copied, or put
-- back from a backup, gives to no one an id that another was given elsewhere.
create or replace temp table id_seeds as
select first_age, seed
from usersync.id_seeds
union all
select {{ last_key }} + 1, uuid()
where exists (from temp.delta where _action = 'insert');
