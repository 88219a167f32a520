-- Users that change.
select
    u._user,
    u.user_id::varchar,
    o.identity_count,
    replace(o.updated_at::varchar, ' ', 'T') || 'Z',
    replace(n.updated_at::varchar, ' ', 'T') || 'Z'
from temp.shown_users as u
join temp.user_delta as n on n._user = u._user
join {{ users_before }} as o on o._user = u._user
where u.change = 'updated'
order by u.place;
