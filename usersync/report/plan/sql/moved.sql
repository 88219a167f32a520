-- Users that become part of others, and users that come out of others.
select
    u.change,
    u._user,
    u.other_user,
    u.user_id::varchar,
    k.user_id::varchar,
    u.users
from temp.shown_users as u
join temp.user_keys as k on k._user = u.other_user
where u.change in ('merged', 'split')
order by u.change, u.place;
