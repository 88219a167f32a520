-- Two identities with one value match exactly when their masks are disjoint. Each link after the first of its value,
-- beside the first one; links are in the order of values, then masks. The running maximum carries the place of a value's
-- first link, whether that one has a mask, and whose it is, in one number.
create or replace temp table followers as
select
    value_hash,
    (member & 4294967295)::uinteger as node,
    (first & 4294967295)::uinteger as first_node,
    (first >> 32) & 1 = 1 as first_masked,
    turns
from (
    select
        value_hash,
        member,
        begins,
        turns,
        max(if(begins, (place << 33) + if(member > 4294967295, 4294967296, 0) + (member & 4294967295)::bigint, null))
            over (rows between unbounded preceding and current row) as first
    from (
        select
            value_hash,
            member,
            row_number() over () as place,
            coalesce(value_hash <> lag(value_hash) over (), true) as begins,
            member >> 32 <> lag(member) over () >> 32 as turns
        from temp.links
{% if over %}
        where value_hash not in (select v from temp.over)
{% endif %}
    )
)
where not begins;

-- Where the first one has no mask, all match it. Else who has which mask decides; one mask alone matches nobody.
create or replace temp table masked as
select value_hash, member >> 32 as mask, min(member & 4294967295) as node, count(*) as members
from temp.links
where value_hash in (select value_hash from temp.followers where first_masked and turns)
group by value_hash, mask;

create or replace temp table mask_pairs as
select a.value_hash, a.mask, b.mask as other_mask, a.node, b.node as other_node
from temp.masked as a
join temp.masked as b on b.value_hash = a.value_hash and a.mask & b.mask = 0 and a.mask < b.mask;

create or replace temp table edges as
select greatest(a, b)::bigint as u, least(a, b)::bigint as w
from (
    select node as a, first_node as b
    from temp.followers
    where not first_masked
    union all
    select (l.member & 4294967295)::uinteger, t.node
    from temp.links as l
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
