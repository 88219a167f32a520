-- Users that come or go, with their values as text.
with said as (
    select 'created' as change, _user, [{{ texts | join(', ') }}]::varchar[] as said
    from temp.user_delta
    where _action = 'insert' and _user in (select _user from temp.shown_users where change = 'created')
    union all
    select 'deleted', _user, [{{ texts | join(', ') }}]::varchar[]
    from {{ users_before }}
    where _user in (select _user from temp.shown_users where change = 'deleted')
)

select u.change, u._user, u.user_id::varchar, s.said
from temp.shown_users as u
join said as s on s._user = u._user and s.change = u.change
order by u.change, u.place;
