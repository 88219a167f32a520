-- The identities of one cluster, the oldest first.
select c.component, c._user, u.user_id::varchar, r._pk, r._age, r.pipeline, r.identity_id, r.id_kind, r._creates
from usersync.components as c
join usersync.identity_rows as r on r._pk = c._pk
left join usersync.user_rows as u on u._user = c._user
where c.component = {{ component | literal }} and c._user is not distinct from {{ user | literal }}
order by r._age;
