-- What last became of a user id.
select
    change,
    {{ user_id | literal }} as user_id,
    if(change = 'merged', user_id, null)::varchar as became,
    run_id,
    strftime("at", '%Y-%m-%dT%H:%M:%SZ')
from usersync.user_changes
where (change = 'merged' and old_user_id = {{ user_id | literal }}::uuid)
    or (change = 'deleted' and user_id = {{ user_id | literal }}::uuid)
order by run_id desc
limit 1;
