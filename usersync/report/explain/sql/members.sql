-- Some identities with all that is said of them; those of others with their user.
create or replace temp table others as
select _pk, _user
from usersync.components
where component in (
    select component
    from usersync.nodes
    where _pk in (select _pk from temp.explained where side = 1)
);

create or replace temp table other_users as
select _user, user_id
from usersync.user_rows
where _user in (select _user from temp.others where _pk in (select _pk from temp.chosen));

select
    e._pk,
    e._age,
    e.pipeline,
    e.connection,
    e.identity_id,
    e.id_kind,
    e.fallback_id,
    replace(e.updated_at::varchar, ' ', 'T') || 'Z',
    e.last_run,
    strftime(r.started_at, '%Y-%m-%dT%H:%M:%SZ'),
    e.held,
    u.user_id::varchar
from (
    select
        *,
        [{% for one in identifiers %}{{ one.texts if one.array else "[" ~ one.texts ~ "]" }}{{ ", " if not loop.last }}{% endfor %}]::varchar[][] as held
    from temp.explained
    where _pk in (select _pk from temp.chosen)
) as e
left join usersync.runs as r on r.run_id = e.last_run
left join temp.others as o on o._pk = e._pk and e.side = 1
left join temp.other_users as u on u._user = o._user
order by e._age;
