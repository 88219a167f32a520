-- Types of a query's columns, without running it: of a domain the type below it, of an array its elements' type.
{% include 'below_postgres.sql' %}

select
    x.name,
    case
        when e.typtype = 'e' then 'enum'
        when e.typtype in ('c', 'p') then 'composite'
        when e.typnamespace <> 'pg_catalog'::regnamespace then 'extension'
        else e.typname
    end as type,
    case when greatest(o.typmod, i.typmod) >= 0 then greatest(o.typmod, i.typmod) end as modifier,
    case when t.typcategory = 'A' and t.typelem <> 0 then 1 else 0 end as dimensions,
    null::text as text_order
from (select 1) as one
left join ({{ query }}) as q on false
cross join lateral (values
{% for name in names %}
    ({{ name | literal }}, pg_catalog.pg_typeof(q.{{ name | ident }})::oid){{ "," if not loop.last }}
{% endfor %}
) as x (name, oid)
left join below as o on o.oid = x.oid
join pg_catalog.pg_type as t on t.oid = coalesce(o.base, x.oid)
cross join lateral (select case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end as oid) as v
left join below as i on i.oid = v.oid
join pg_catalog.pg_type as e on e.oid = coalesce(i.base, v.oid)
