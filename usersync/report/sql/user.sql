-- The cluster of a user id of today.
select component, _user
from usersync.components
where _user = (
    select _user
    from usersync.user_rows
    where user_id = {{ user_id | literal }}::uuid
)
limit 1;
