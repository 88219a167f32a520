-- Columns of the indexes that can find rows by a column: whole tables', of columns and not of expressions.
select n.nspname, c.relname, i.relname as index, x.indisprimary as is_primary, a.attname
from pg_catalog.pg_index as x
join pg_catalog.pg_class as c on c.oid = x.indrelid
join pg_catalog.pg_class as i on i.oid = x.indexrelid
join pg_catalog.pg_am as m on m.oid = i.relam
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
cross join lateral unnest(x.indkey::int2[]) with ordinality as k (attnum, place)
join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = k.attnum
where x.indisvalid
    and x.indpred is null
    and x.indexprs is null
    and k.place <= x.indnkeyatts
    and m.amname = 'btree'
    and n.nspname not like 'pg\_%'
order by n.nspname, c.relname, i.relname, k.place
