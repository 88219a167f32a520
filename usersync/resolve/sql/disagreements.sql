-- Tables that were written, and do not fit each other: each row says which.
select 'identity_rows and components disagree' as problem
where (select count(*) from usersync.identity_rows) <> (select count(*) from usersync.components)
union all
select 'nodes and components disagree'
where (select count(*) from usersync.nodes) <> (select count(*) from usersync.components)
