-- {{ pipeline }}: from the rows as read to identities; value and reason of every property in one pass
select
    identity_id,
    id_kind,
    fallback_id,
    updated_at,
    "cursor text",
    account_ids,
    account_name,
{% for column, value in leaves %}
    {{ value }} as {{ column | ident }},
{% endfor %}
    case
        when "id reason" is not null then {{ user_id | literal }}
        when "time reason" is not null then {{ updated_at | literal }}
{% for property in properties %}
        when {{ property.reason_alias }} is not null then {{ property.path | literal }}
{% endfor %}
    end as "rejected property",
    coalesce(
        "id reason",
        "time reason"
{%- for property in properties %},
        {{ property.reason_alias }}
{%- endfor %}

    ) as "rejected reason",
    case when "rejected reason" is not null then {{ source_row }} end as "source row"
from (
    select
        *,
        {{ id_reason }} as "id reason",
        {{ time_reason }} as "time reason"
{%- for property in properties %},
        {{ "case when " ~ property.tried_alias ~ " is null then 'its expression fails' else " ~ property.reason ~ " end" if property.tried_alias else property.reason }} as {{ property.reason_alias }}
{%- endfor %}

    from (
        select
            "row read",
            {{ identity_id }} as identity_id,
            {{ id_kind }} as id_kind,
            {{ fallback_id }} as fallback_id,
            {{ time }} as updated_at,
            {{ cursor_text }} as "cursor text",
            {{ account_ids }} as account_ids,
            {{ account_name }} as account_name
{%- for property in properties %},
            {{ property.value }} as {{ property.value_alias }},
            {{ property.raw_alias }}{{ ", " ~ property.tried_alias if property.tried_alias }}
{%- endfor %}

        from (
            select
                *,
                "rows read" as "row read"
{%- for property in properties %},
{% if property.tried_alias %}
                {# DuckDB computes repeated parts once, outside of try() even, but never those of a case #}
                try(struct_pack(v := case when "rows read" is not null then {{ property.expression }} end)) as {{ property.tried_alias }},
                struct_extract({{ property.tried_alias }}, 'v') as {{ property.raw_alias }}
{%- else %}
                {{ property.expression }} as {{ property.raw_alias }}
{%- endif %}
{%- endfor %}

            from {{ staged }} as "rows read"
        )
    )
)
