-- Columns of tables and views with their types: of a domain the type below it, of an array its elements' type.
{% include 'below_postgres.sql' %}

select
    n.nspname,
    c.relname,
    a.attname,
    case
        when e.typtype = 'e' then 'enum'
        when e.typtype in ('c', 'p') then 'composite'
        when e.typnamespace <> 'pg_catalog'::regnamespace then 'extension'
        else e.typname
    end as type,
    case when m.typmod >= 0 then m.typmod end as modifier,
    case when t.typcategory = 'A' and t.typelem <> 0 then greatest(a.attndims, 1) else 0 end as dimensions,
    case
        when pg_catalog.pg_encoding_to_char(d.encoding) <> 'UTF8' then null
        when l.collname = 'default' and coalesce(to_json(d) ->> 'datlocprovider', 'c') <> 'c' then 'words'
        when coalesce(nullif(l.collname, 'default'), d.datcollate) in ('C', 'POSIX', 'C.UTF-8', 'C.utf8') then 'bytes'
        else 'words'
    end as text_order
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_database as d on d.datname = current_database()
left join below as o on o.oid = a.atttypid
join pg_catalog.pg_type as t on t.oid = coalesce(o.base, a.atttypid)
cross join lateral (select case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end as oid) as v
left join below as i on i.oid = v.oid
join pg_catalog.pg_type as e on e.oid = coalesce(i.base, v.oid)
left join pg_catalog.pg_collation as l on l.oid = a.attcollation
cross join lateral (select greatest(a.atttypmod, o.typmod, i.typmod) as typmod) as m
where a.attnum > 0
    and not a.attisdropped
    and c.relkind in ('r', 'v', 'm', 'f', 'p')
    and n.nspname <> 'information_schema'
    and n.nspname not like 'pg\_%'
{% if tables %}
    and c.relname in ({{ tables }})
{% endif %}
order by a.attrelid, a.attnum
