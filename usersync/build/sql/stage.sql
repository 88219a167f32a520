-- What this build changes in identities, one row each; filled pipeline by pipeline.
create or replace temp table delta as
select
    null::varchar as _action,
    null::bigint as _into,
    {{ old }} as _old,
    e.*
from usersync.identity_rows as e
limit 0;
