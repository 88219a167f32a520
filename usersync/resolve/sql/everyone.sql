-- Changed identities as they will be, and as they were.
create or replace temp view arrived as
select * exclude (_action, _into, _old)
from temp.delta
where _action <> 'delete';

create or replace temp view former as
select _pk, unnest(_old)
from temp.delta
where _old is not null;

-- All identities as this build leaves them.
create or replace temp view everyone as
select *
from usersync.identity_rows
anti join (select _pk from temp.delta where _action <> 'insert') using (_pk)
union all by name
from temp.arrived;
