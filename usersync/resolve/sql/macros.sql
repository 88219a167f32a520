{# Links of a relation's identities: the hash of each value, and its mask and identity in one number. #}
{% macro mask(identifiers) -%}
{% for other in identifiers %}if({{ other.present }}, {{ 4294967296 * 2 ** other.level }}::ubigint, 0::ubigint) + {% endfor %}
{%- endmacro %}
{% macro links(relation, identifiers, shared, salt) %}
{% for one in identifiers %}
select {{ hashed(one.level, "v", salt) }} as v, mask + _pk::ubigint as member
from (
    select
        _pk,
        {{ mask(identifiers[:loop.index0]) }}0::ubigint as mask,
        {{ "unnest(" ~ one.kept ~ ")" if one.array else one.kept }} as v
    from {{ relation }}
)
where v is not null
union all
{% endfor %}
select {{ hashed(255, id_value(), salt) }} as v, _pk::ubigint as member
from {{ relation }}
where {{ "connection in (" ~ (shared | map('literal') | join(', ')) ~ ")" if shared else "false" }}
{% endmacro %}
{# The same with the values themselves. #}
{% macro values(relation, identifiers, shared, salt) %}
{% for one in identifiers %}
select {{ one.level }}::utinyint as level, {{ one.path | literal }} as property, value, {{ hashed(one.level, "value", salt) }} as v, _pk
from (
    select _pk, {{ "unnest(" ~ one.kept ~ ")" if one.array else one.kept }} as value
    from {{ relation }}
)
where value is not null
union all
{% endfor %}
select 255::utinyint as level, null::varchar as property, value, {{ hashed(255, "value", salt) }} as v, _pk
from (
    select _pk, connection, {{ id_value() }} as value
    from {{ relation }}
)
where {{ "connection in (" ~ (shared | map('literal') | join(', ')) ~ ")" if shared else "false" }}
{% endmacro %}
{# How many identities of a relation have each of the values that users.sql says to ignore. #}
{% macro listed(relation, identifiers, sign) %}
{% for one in identifiers if one.ignored %}
select {{ one.path | literal }} as property, value, {{ sign }} as identities
from (
    select {{ "unnest(list_distinct(" ~ one.texts ~ "))" if one.array else one.texts }} as value
    from {{ relation }}
)
where value in ({{ one.ignored | map('literal') | join(', ') }})
union all
{% endfor %}
select null::varchar as property, null::varchar as value, 0 as identities
where false
{% endmacro %}
