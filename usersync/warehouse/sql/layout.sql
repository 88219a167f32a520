-- The tables whose columns are the properties of users.sql, remade when those change.
{% macro carried(old) %}
{% for leaf in leaves %}
    {{ "try_cast(" ~ (leaf.column | ident) ~ " as " ~ leaf.type.stored ~ ")" if leaf.column.lower() in old else "null::" ~ leaf.type.stored }} as {{ leaf.column | ident }},
{% endfor %}
{% endmacro %}
create or replace table usersync.identity_rows as
select
    _pk,
    _own_id,
    _age,
    _heir,
    _creates,
    pipeline,
    connection,
    identity_id,
    id_kind,
    updated_at,
    account_ids,
    account_name,
{{ carried(identities or []) }}
    first_run,
    last_run
{% if identities is not none %}
from usersync.identity_rows;
{% else %}
from (
    select
        null::bigint as _pk,
        null::uuid as _own_id,
        null::bigint as _age,
        null::boolean as _heir,
        null::boolean as _creates,
        null::varchar as pipeline,
        null::varchar as connection,
        null::varchar as identity_id,
        null::varchar as id_kind,
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
    user_id,
{{ carried(people or []) }}
    identity_count,
    created_at,
    updated_at
{% if people is not none %}
from usersync.user_rows;
{% else %}
from (
    select null::uuid as user_id, null::bigint as identity_count, null::timestamp as created_at, null::timestamp as updated_at
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
left join usersync.identity_users as u on u._pk = r._pk;

create or replace view users as
select * from usersync.user_rows;
