-- A user's id is that of one of its identities. When that one goes, the next oldest of the user inherits its age, and with
-- that the id.
create or replace temp table gone as
select _age
from temp.delta
where _action = 'delete' and _age not in (select _age from temp.delta where _action = 'update');

create or replace temp table survivors as
select _pk, _user
from {{ "usersync.components" if stored else "temp.before" }}
where _user in (select _age from temp.gone) and _pk not in (select _pk from temp.delta where _action = 'delete');

create or replace temp table heirs as
select arg_min(r._pk, r._age + if(r._creates, 0, 1::bigint << 60)) as _pk, s._user as _age
from (
{% if stored %}
    select _pk, _age, _creates
    from usersync.identity_rows
{% else %}
    select t._pk, coalesce(d._old._age, t._age) as _age, coalesce(d._old._creates, t._creates) as _creates
    from temp.touched as t
    left join temp.delta as d on d._pk = t._pk
{% endif %}
) as r
join temp.survivors as s on s._pk = r._pk
group by s._user;
