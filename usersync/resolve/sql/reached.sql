-- The rows of touched components, as they will be, and of their users.
{% if few %}
-- First where the rows are: a lookup by key would decode all columns of every row group that it meets.
create or replace temp table places as
select rowid as place
from usersync.identity_rows
where _pk in (select _pk from temp.reached);

{% endif %}
create or replace temp table touched as
select r.*
from usersync.identity_rows as r
join {{ "temp.places as p on r.rowid = p.place" if few else "temp.reached as p on r._pk = p._pk" }}
union all by name
from temp.arrived;

create or replace temp table users_before as
select *
from usersync.user_rows
where _user in (select _user from temp.before);
