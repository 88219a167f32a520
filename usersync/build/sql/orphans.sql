-- Identities of pipelines that are no longer in models/.
insert into temp.delta by name
select 'delete' as _action, *
from usersync.identity_rows
where pipeline not in ({{ pipelines | map('literal') | join(', ') }});

delete from usersync.cursors
where pipeline not in ({{ pipelines | map('literal') | join(', ') }});

delete from usersync.rejected_rows
where pipeline not in ({{ pipelines | map('literal') | join(', ') }});
