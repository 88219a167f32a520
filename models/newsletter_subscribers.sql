{# Teaches: update_only. A subscriber adds to a user that another pipeline brings, or waits for one. #}
{{ config(
    connection  = 'newsletter',
    user_id     = 'subscriber_id',
    updated_at  = 'subscribed_at',
    write       = 'update_only',
    tags        = ['marketing', 'files'],
    description = 'Who wants the newsletter. Everyone may subscribe, so this alone makes nobody a user.',
) }}

select
    subscriber_id,
    {{ clean_email('email') }} as email,
    subscribed as newsletter,
    subscribed_at
from 'subscribers.parquet'
