-- All identities as this build leaves them.
create or replace temp view everyone as
select *
from usersync.identity_rows
anti join temp.arrivals using (_pk)
union all by name
select * exclude (_action, _into, _old)
from temp.arrivals
where _action <> 'delete';
