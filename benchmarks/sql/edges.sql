-- The edges of the links, for components alone: everyone who has a value, with one of each mask that has no bit in common
-- with its own. Where someone has no stronger identifier, that one stands for all.
create temp table hubs as
select value_hash, member >> 32 as mask, min(member & 4294967295) as node
from warehouse.usersync.links
group by all;

create temp table pairs as
select a.value_hash, a.mask, b.node
from hubs as a
join hubs as b on b.value_hash = a.value_hash and a.mask & b.mask = 0
where b.mask = 0
    or a.value_hash not in (select value_hash from hubs where mask = 0);

create table edges as
select distinct greatest(node, one)::bigint as u, least(node, one)::bigint as w
from (
    select l.member & 4294967295 as node, p.node as one
    from warehouse.usersync.links as l
    join pairs as p on p.value_hash = l.value_hash and p.mask = l.member >> 32
)
where node <> one;

create table nodes as
select _pk as node
from warehouse.usersync.nodes;
