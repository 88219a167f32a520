{# Teaches: JSON. Properties come out of a document, accounts out of an array, and the cursor is text. #}
{{ config(
    connection        = 'app',
    user_id           = 'id',
    updated_at        = 'last_seen',
    updated_at_format = 'ISO8601',
    incremental       = true,
    account_ids       = 'workspace_ids',
    tags              = ['product', 'files'],
    description       = 'Users of the app. Those who signed up by phone have no e-mail address.',
    mapping = {
        'email':        'email',
        'phone':        'phone',
        'first_name':   "profile ->> 'first_name'",
        'address.city': "profile ->> 'city'",
        'birth_year':   "profile ->> 'birth_year'",
        'profile':      'profile',
    },
) }}

select
    id,
    {{ clean_email('email') }} as email,
    {{ clean_phone('phone') }} as phone,
    profile,
    workspace_ids,
    last_seen
from read_json('users.jsonl', columns = {
    id: 'uuid',
    email: 'varchar',
    phone: 'varchar',
    profile: 'json',
    workspace_ids: 'json',
    last_seen: 'varchar'
})
-- Every last_seen is written alike and ends in Z, so the texts sort as the times do.
where last_seen >= ${updated_at}
