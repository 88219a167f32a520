-- The rows that these pipelines could not take, in place of those kept before.
delete from usersync.rejected_rows
where pipeline in ({{ pipelines | map('literal') | join(', ') }});

insert into usersync.rejected_rows by name
select
    pipeline,
    identity_id,
    property,
    reason,
    row::json as row,
    {{ run_id | literal }} as run_id,
    attempts
from temp.rejects;
