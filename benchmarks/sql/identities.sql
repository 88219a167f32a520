-- Synthetic identities, so many as the variable `rows` says; the same ones every time. What there is of them, per mille:
-- people of 1, 2, 3 and more identities, the number geometric around 3, so that a few have over 30    965
-- the same, but the e-mail of everyone is one of three hub values, each of a hundredth of all rows     30
-- chains of 40 that only successive e-mails link; of the last part of them, chains of 1,000             5
create macro random(salt, key, below) as (hash(salt, key) % below::ubigint)::bigint;

create macro missing(salt, key) as hash('null', salt, key) % 10 < 3;

-- One of a person's addresses, of which there are one to three.
create macro address(salt, key, person, domain) as
    'person' || person || '.' || random(salt, key, 1 + random('addresses', person, 3)) || '@example.' || domain;

-- One of the browsers that a person was seen in, of which there are one to four.
create macro browser(salt, key, person) as
    to_hex(hash('browser', person, random(salt, key, 1 + random('browsers', person, 4))));

-- A hundredth of the rows has the number of a household nearby.
create macro telephone(key, person) as format(
    '+44{:010d}',
    2 * (person + if(random('household', key, 100) = 0, 1 + random('neighbour', key, 50), 0)) + random('telephone', key, 2)
);

create table identities as
with people as (
    select person, unnest(range(1 + floor(ln((1 + random('size', person, 1000000)) / 1000001) / ln(2 / 3))::bigint)) as one
    from range(getvariable('rows')) as people (person)
    limit getvariable('rows')
),

placed as (
    select row_number() over () - 1 as place, person
    from people
),

parted as (
    select
        place,
        person,
        place * 1000 // getvariable('rows') as part,
        place * 10000 // getvariable('rows') >= 9999 as long
    from placed
),

shuffled as (
    select
        row_number() over (order by hash('order', place)) as key,
        person,
        if(part between 965 and 994, (part - 965) // 10, null) as hub,
        if(part >= 995, place // if(long, 1000, 40), null) as chain,
        place % if(long, 1000, 40) as step
    from parted
)

select
    key,
    ['crm', 'shop', 'web', 'app', 'support', 'billing'][1 + random('pipeline', key, 6)] as pipeline,
    timestamp '2025-01-01' + to_seconds(random('time', key, 31536000)::integer) as updated_at,
    if(chain is not null or missing('customer_id', key), null, format('C{:09d}', person)) as customer_id,
    case
        when hub is not null then [['info@example.com', 'none@example.com', 'test@example.com'][1 + hub]]
        when chain is not null then [format('chain{}.{}@example.com', chain, step), format('chain{}.{}@example.com', chain, step + 1)]
        when missing('email', key) then null
        when random('two addresses', key, 4) = 0
            then [address('address', key, person, 'com'), address('second address', key, person, 'org')]
        else [address('address', key, person, 'com')]
    end as email,
    if(chain is not null or missing('phone', key), null, telephone(key, person)) as phone,
    case
        when chain is not null or missing('anonymous_id', key) then null
        when random('two browsers', key, 4) = 0 then [browser('browser', key, person), browser('second browser', key, person)]
        else [browser('browser', key, person)]
    end as anonymous_id,
    if(missing('first_name', key), null, format('First{}', random('first_name', key, 5000))) as first_name,
    if(missing('last_name', key), null, format('Last{}', random('last_name', key, 50000))) as last_name,
    if(missing('city', key), null, format('City{}', random('city', key, 8000))) as city,
    if(missing('country', key), null, ['DE', 'FR', 'GB', 'IT', 'SE', 'US'][1 + random('country', key, 6)]) as country,
    if(missing('plan', key), null, ['free', 'team', 'enterprise'][1 + random('plan', key, 3)]) as plan,
    if(missing('orders', key), null, random('orders', key, 500))::integer as orders
from shuffled
order by key;
