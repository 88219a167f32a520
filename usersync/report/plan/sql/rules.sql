-- A small warehouse in memory, as the build would leave the real one: what identities are matched by, nobody in it yet.
create schema planned.usersync;

create table planned.usersync.ignored_values as
from temp.ignored;

create table planned.usersync.overruled_values as
select
    case when o.level > 0 then {{ "([" ~ (identifiers | map('literal') | join(', ')) ~ "]::varchar[])" }}[o.level] end as property,
    case o.level when -1 then t.pipeline || ':' || t.identity_id when 0 then s.identity_id else o.value end as value,
    s.pipeline,
    s.identity_id,
    s.id_kind
from temp.overruled as o
join {{ scope }} as s on s._pk = o._pk
left join {{ scope }} as t on t._pk = o.other;

create table planned.usersync.decisions as
from temp.decided;

create table planned.usersync.runs (run_id varchar, started_at timestamp);

create table planned.usersync.user_rows (_user bigint, user_id uuid);

create table planned.usersync.nodes (_pk bigint, component bigint);
