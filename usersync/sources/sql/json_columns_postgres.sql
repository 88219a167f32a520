-- Columns that hold json, which the scanner calls text.
select n.nspname, c.relname, a.attname
from pg_catalog.pg_attribute as a
join pg_catalog.pg_class as c on c.oid = a.attrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_type as t on t.oid = a.atttypid
left join pg_catalog.pg_type as b on b.oid = t.typbasetype
where coalesce(b.typname, t.typname) in ('json', 'jsonb')
    and a.attnum > 0
    and not a.attisdropped
    and n.nspname not in ('pg_catalog', 'information_schema')
