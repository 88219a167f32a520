{# The value of a column: an incremental read leaves the later of several rows of one identity alone. #}
{% macro value(column, read) -%}
{{ "if(e.updated_at > m.updated_at, e." ~ column ~ ", " ~ read ~ ")" if later_stays else read }}
{%- endmacro %}
{% macro mapped_value(column) -%}
{{ value(column | ident, "m." ~ (column | ident) if column in mapped else "null") }}
{%- endmacro %}
{% set fallback_id = "null" if not fallback
    else "m.fallback_id" if full
    else "if(e.updated_at > m.updated_at, coalesce(e.fallback_id, m.fallback_id), coalesce(m.fallback_id, e.fallback_id))" %}
-- {{ pipeline }}: new and changed identities. A row equal to what is stored is not written.
insert into temp.delta by name
select
    case when e._pk is null then 'insert' else 'update' end as _action,
    case when e._pk is not null then {{ "coalesce(e._old, " ~ old ~ ")" if fallback else old }} end as _old,
    e._pk,
    e._age,
    coalesce(e._heir, false) as _heir,
    {{ creating | literal }} as _creates,
    {{ pipeline | literal }} as pipeline,
    {{ connection | literal }} as connection,
    m.identity_id,
    m.id_kind,
    {{ fallback_id }} as fallback_id,
    {{ value("updated_at", "m.updated_at") }} as updated_at,
    {{ value("account_ids", "m.account_ids") }} as account_ids,
    {{ value("account_name", "m.account_name") }} as account_name,
{% for column in columns %}
    {{ mapped_value(column) }} as {{ column | ident }},
{% endfor %}
    coalesce(e.first_run, {{ run_id | literal }}) as first_run,
    {{ run_id | literal }} as last_run
from {{ rows }} as m
left join (
    select *{{ ", null as _old" if fallback }}
    from usersync.identity_rows
    where pipeline = {{ pipeline | literal }}
{% if fallback %}
        and _pk not in (select _pk from temp.joining)
    union all by name
    select * exclude (taker)
    from temp.joined
{% endif %}
) as e
    on e.identity_id = m.identity_id and e.id_kind = m.id_kind
where m."rejected reason" is null
    and (
        e._pk is null
        or e._creates <> {{ creating | literal }}
        or e.connection <> {{ connection | literal }}
        or e.fallback_id is distinct from {{ fallback_id }}
{% if fallback %}
        or e._old is not null
{% endif %}
{% if timed %}
        or e.updated_at is distinct from {{ value("updated_at", "m.updated_at") }}
{% endif %}
        or e.account_ids is distinct from {{ value("account_ids", "m.account_ids") }}
        or e.account_name is distinct from {{ value("account_name", "m.account_name") }}
{% for column in columns %}
        or e.{{ column | ident }} is distinct from {{ mapped_value(column) }}
{% endfor %}
    );
{% if fallback %}

-- {{ pipeline }}: identities that go, since one with a user id takes their place.
insert into temp.delta by name
select 'delete' as _action, k._pk as _into, {{ old }} as _old, e.* exclude (taker)
from temp.joining as e
join temp.joined as k on k.taker = e.taker
where e._pk <> k._pk;
{% endif %}
{% if deleting %}

-- {{ pipeline }}: identities that the source no longer has. A rejected row is still a row of the source.
insert into temp.delta by name
select 'delete' as _action, {{ old }} as _old, e.*
from usersync.identity_rows as e
anti join {{ rows }} as m on m.identity_id = e.identity_id and m.id_kind = e.id_kind
where e.pipeline = {{ pipeline | literal }}
{% if fallback %}
    and e._pk not in (select _pk from temp.joining)
    and (e.id_kind <> 'fallback' or e.identity_id not in (
        select fallback_id from {{ rows }} where id_kind = 'user_id' and fallback_id is not null and "rejected reason" is not null
    ))
{% endif %}
;
{% endif %}
