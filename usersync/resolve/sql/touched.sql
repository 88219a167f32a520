-- Who shares a value with a new version of an identity, and is not kept from matching it by a stronger identifier.
create or replace temp table met as
select distinct (h.member & 4294967295)::bigint as _pk
from temp.hits as h
join (select distinct v, member >> 32 as mask from temp.came where v not in (select v from temp.over)) as c
    on c.v = h.value_hash and c.mask & (h.member >> 32) = 0;

-- Components that may come apart or together. Nothing outside them can change.
create or replace temp table touched_components as
select distinct component
from usersync.nodes
where _pk in (
    select _pk from temp.met
    union all
    select _pk from temp.delta
    union all
    select unnest([a, b]) from temp.decisions_changed
);

create or replace temp table before as
select rowid as place, component, _pk, _user
from usersync.components
where component in (select component from temp.touched_components);

-- Those of them that do not change themselves.
create or replace temp table reached as
select _pk
from temp.before
where _pk not in (select _pk from temp.delta);
