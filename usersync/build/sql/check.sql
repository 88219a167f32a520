-- What keys would have promised: each row says what is wrong.
select 'identity_rows has a key twice' as problem
from (select 1 from usersync.identity_rows group by _pk having count(*) > 1 limit 1)
union all
select 'identities has an identity twice'
from (select 1 from usersync.identity_rows group by pipeline, id_kind, identity_id having count(*) > 1 limit 1)
union all
select 'users has a user twice'
from (select 1 from usersync.user_rows group by user_id having count(*) > 1 limit 1)
union all
select 'identities and users disagree'
from (
    select 1 from (select distinct user_id from usersync.identity_users where user_id is not null) as i
    full join usersync.user_rows as u on u.user_id = i.user_id
    where i.user_id is null or u.user_id is null
    limit 1
);
