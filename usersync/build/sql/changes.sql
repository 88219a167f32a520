-- {{ pipeline }}: new and changed identities. A row equal to what is stored is not written.
insert into temp.delta by name
select
    case when e._pk is null then 'insert' else 'update' end as _action,
    e._pk,
    e._own_id,
    e._age,
    coalesce(e._heir, false) as _heir,
    {{ creating | literal }} as _creates,
    {{ pipeline | literal }} as pipeline,
    {{ connection | literal }} as connection,
    m.identity_id,
    m.id_kind,
    m.updated_at,
    m.account_ids,
    m.account_name,
{% for column in columns %}
    {{ "m." ~ (column | ident) if column in mapped else "null" }} as {{ column | ident }},
{% endfor %}
    coalesce(e.first_run, {{ run_id | literal }}) as first_run,
    {{ run_id | literal }} as last_run
from {{ rows }} as m
left join (select * from usersync.identity_rows where pipeline = {{ pipeline | literal }}) as e
    on e.identity_id = m.identity_id and e.id_kind = m.id_kind
where m."rejected reason" is null
    and (
        e._pk is null
        or e._creates <> {{ creating | literal }}
        or e.connection <> {{ connection | literal }}
{% if timed %}
        or e.updated_at is distinct from m.updated_at
{% endif %}
        or e.account_ids is distinct from m.account_ids
        or e.account_name is distinct from m.account_name
{% for column in columns %}
        or e.{{ column | ident }} is distinct from {{ "m." ~ (column | ident) if column in mapped else "null" }}
{% endfor %}
    );
{% if full %}

-- {{ pipeline }}: identities that the source no longer has. A rejected row is still a row of the source.
insert into temp.delta by name
select 'delete' as _action, e.*
from usersync.identity_rows as e
anti join {{ rows }} as m on m.identity_id = e.identity_id and m.id_kind = e.id_kind
where e.pipeline = {{ pipeline | literal }};
{% endif %}
