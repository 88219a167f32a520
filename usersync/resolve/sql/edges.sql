-- Two identities with one value match exactly when their masks are disjoint. Each link after the first of its value, beside
-- the one before it; links are in the order of values, then masks.
create or replace temp table successors as
select value_hash, member, prior, second
from (
    select
        value_hash,
        member,
        lag(member) over () as prior,
        lag(value_hash) over () as prior_value,
        value_hash is distinct from lag(value_hash, 2) over () as second
    from temp.links
{% if over %}
    where value_hash not in (select v from temp.over)
{% endif %}
)
where value_hash = prior_value;

-- The same, beside the first one.
create or replace temp table followers as
select value_hash, member, prior as first
from temp.successors
where second
union all
select s.value_hash, s.member, f.prior
from temp.successors as s
join temp.successors as f on f.value_hash = s.value_hash and f.second
where not s.second;

-- Where the first one has no mask, all match it. Else who has which mask decides: a bit that all have keeps all apart.
create or replace temp table closed as
select value_hash, unnest([member, first]) as member
from temp.followers
where value_hash in (
    select value_hash
    from temp.followers
    where first > 4294967295
    group by value_hash
    having bit_and((member & first) >> 32) = 0
);

create or replace temp table masked as
select value_hash, member >> 32 as mask, min(member & 4294967295) as node
from temp.closed
group by value_hash, mask;

create or replace temp table mask_pairs as
select a.value_hash, a.mask, b.mask as other_mask, a.node, b.node as other_node
from temp.masked as a
join temp.masked as b on b.value_hash = a.value_hash and a.mask & b.mask = 0 and a.mask < b.mask;

create or replace temp table edges as
select greatest(a, b)::bigint as u, least(a, b)::bigint as w
from (
    select (member & 4294967295)::uinteger as a, first::uinteger as b
    from temp.followers
    where first <= 4294967295
    union all
    select (l.member & 4294967295)::uinteger, t.node
    from temp.closed as l
    join (
        select value_hash, mask, node from temp.mask_pairs
        union
        select value_hash, other_mask, other_node from temp.mask_pairs
    ) as t on t.value_hash = l.value_hash and t.mask = l.member >> 32
    union all
    select node, other_node
    from temp.mask_pairs
    union all
    select a, b
    from temp.decided
    where decision = 'link'
)
where a <> b;

-- All that is in memory beside what is still needed makes the rest slower.
{% for table in ("successors", "followers", "closed", "masked", "mask_pairs") %}
drop table temp.{{ table }};
{% endfor %}
