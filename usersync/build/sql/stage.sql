-- What this build changes in identities, one row each; filled pipeline by pipeline.
create or replace temp table delta as
select
    null::varchar as _action,
    null::bigint as _into,
    {{ old }} as _old,
    e.*
from usersync.identity_rows as e
limit 0;

-- The rows that this build could not take.
create or replace temp table rejects (
    pipeline varchar,
    identity_id varchar,
    property varchar,
    reason varchar,
    row varchar,
    attempts bigint
);
