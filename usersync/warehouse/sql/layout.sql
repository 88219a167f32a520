-- The tables whose columns are the properties of users.sql, remade when those change.
{% macro carried(old) %}
{% for leaf in leaves %}
    {{ "try_cast(" ~ (leaf.column | ident) ~ " as " ~ leaf.type.stored ~ ")" if leaf.column.lower() in old else "null::" ~ leaf.type.stored }} as {{ leaf.column | ident }},
{% endfor %}
{% endmacro %}
create or replace table usersync.identity_rows as
select
    _pk,
    _age,
    _heir,
    _creates,
    pipeline,
    connection,
    identity_id,
    id_kind,
    fallback_id,
    updated_at,
    account_ids,
    account_name,
{{ carried(identities or []) }}
    first_run,
    last_run
{% if identities is not none %}
from {{ stored }}.usersync.identity_rows;
{% else %}
from (
    select
        null::bigint as _pk,
        null::bigint as _age,
        null::boolean as _heir,
        null::boolean as _creates,
        null::varchar as pipeline,
        null::varchar as connection,
        null::varchar as identity_id,
        null::varchar as id_kind,
        null::varchar as fallback_id,
        null::timestamp as updated_at,
        null::varchar[] as account_ids,
        null::varchar as account_name,
        null::varchar as first_run,
        null::varchar as last_run
    limit 0
);
{% endif %}

create or replace table usersync.user_rows as
select
    _user,
    user_id,
{{ carried(people or []) }}
    identity_count,
    created_at,
    updated_at
{% if people is not none %}
from {{ stored }}.usersync.user_rows;
{% else %}
from (
    select null::bigint as _user, null::uuid as user_id, null::bigint as identity_count, null::timestamp as created_at, null::timestamp as updated_at
    limit 0
);
{% endif %}

create or replace view identities as
select
    r.pipeline,
    r.connection,
    r.identity_id,
    r.id_kind,
    u.user_id,
    r.updated_at,
    r.account_ids,
    r.account_name,
{% for leaf in leaves %}
    r.{{ leaf.column | ident }},
{% endfor %}
    r.first_run,
    r.last_run
from usersync.identity_rows as r
left join usersync.components as c on c._pk = r._pk
left join usersync.user_rows as u on u._user = c._user;

create or replace view users as
select * exclude (_user) from usersync.user_rows;

-- Every id that there ever was, and the user that it means today: null when that one is gone. An id that a split gave
-- back is a user's again.
create or replace view user_ids as
with recursive past as (
    select user_id, arg_max_null(next_id, run_id) as next_id
    from (
        select old_user_id as user_id, user_id as next_id, run_id
        from usersync.user_changes
        where change = 'merged'
        union all
        select user_id, null, run_id
        from usersync.user_changes
        where change = 'deleted'
    )
    where user_id not in (select user_id from usersync.user_rows)
    group by user_id
),

followed as (
    select user_id, next_id
    from past
    union
    select f.user_id, p.next_id
    from followed as f
    join past as p on p.user_id = f.next_id
)

select user_id, user_id as current_user_id
from usersync.user_rows
union all
select f.user_id, any_value(u.user_id) as current_user_id
from followed as f
left join usersync.user_rows as u on u.user_id = f.next_id
group by f.user_id;
