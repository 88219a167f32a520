{# Teaches: a pipeline. SQL expressions make properties of columns, and a build reads only what changed. #}
{{ config(
    connection  = 'crm',
    user_id     = 'id',
    updated_at  = 'updated_at',
    incremental = true,
    account_ids = 'account_ids',
    tags        = ['sales'],
    description = 'Customers as the sales team keeps them, with the companies they buy for.',
    mapping = {
        'email':        'lower(trim(email))',
        'phone':        "regexp_replace(phone, '[^0-9+]', '', 'g')",
        'first_name':   'firstname',
        'last_name':    'lastname',
        'country':      'upper(country)',
        'address.city': 'city',
        'address.zip':  'zip',
    },
) }}

select
    id,
    firstname,
    lastname,
    email,
    phone,
    country,
    city,
    zip,
    account_ids,
    updated_at
from customers
-- The first build has no cursor and reads every row; later ones start at the newest updated_at seen.
where updated_at >= ${updated_at}
