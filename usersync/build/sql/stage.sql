-- What this build changes in identities, one row each; filled pipeline by pipeline.
create or replace temp table delta as
select null::varchar as _action, * from usersync.identity_rows limit 0;
