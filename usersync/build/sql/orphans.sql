-- Identities of pipelines that are no longer in models/.
insert into temp.delta by name
select 'delete' as _action, {{ old }} as _old, e.*
from usersync.identity_rows as e
where pipeline not in ({{ pipelines | map('literal') | join(', ') }});
