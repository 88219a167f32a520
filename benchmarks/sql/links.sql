-- What the C union-find is given, sorted: the hash of each value of an identifier, and its identity's key, in the upper half
-- of that number the mask of its stronger identifiers.
with one as (
    select key, 0 as level, 0 as mask, customer_id as value
    from identities
    union all
    select key, 1, (customer_id is not null)::bigint, unnest(email)
    from identities
    union all
    select key, 2, (customer_id is not null)::bigint + 2 * (email is not null)::bigint, phone
    from identities
    union all
    select
        key,
        3,
        (customer_id is not null)::bigint + 2 * (email is not null)::bigint + 4 * (phone is not null)::bigint,
        unnest(anonymous_id)
    from identities
)

select hash(level, value) as value, ((mask << 32) + key)::ubigint as member
from one
where value is not null
order by all
