-- How many identities there are now.
select count(*) from usersync.identity_rows;
