-- What became of an id that no user has any more: the one that it was merged into, or null.
select if(change = 'merged', user_id::varchar, null)
from usersync.user_changes
where (change = 'merged' and old_user_id = {{ user_id | literal }}::uuid)
    or (change = 'deleted' and user_id = {{ user_id | literal }}::uuid)
order by run_id desc
limit 1;
