-- The clusters that are told of, in the small warehouse.
create table planned.usersync.components as
select p.component, p._pk, p._user
from temp.placed as p
where exists (
    from (values {% for component, key in clusters %}({{ component | literal }}::bigint, {{ key | literal }}::bigint){{ ", " if not loop.last }}{% endfor %}) as t (component, _user)
    where t.component = p.component and t._user is not distinct from p._user
);

create table planned.usersync.identity_rows as
select s.*
from {{ scope }} as s
semi join planned.usersync.components as c on c._pk = s._pk;
