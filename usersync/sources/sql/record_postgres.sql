-- Columns of tables and views as the server spells their types.
select
    n.nspname,
    c.relname,
    a.attname,
    pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
    not a.attnotnull as nullable,
    c.relkind in ('v', 'm', 'f') as is_view
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where a.attnum > 0
    and not a.attisdropped
    and c.relkind in ('r', 'v', 'm', 'f', 'p')
    and n.nspname <> 'information_schema'
    and n.nspname not like 'pg\_%'
order by n.nspname, c.relname, a.attnum
