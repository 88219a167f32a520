-- Columns of tables and views as declared.
select
    'main' as "schema",
    m.name as "table",
    p.name as "column",
    p.type,
    p."notnull" = 0 as nullable,
    m.type = 'view' as is_view
from sqlite_master as m
join pragma_table_info(m.name) as p
where m.type in ('table', 'view')
order by m.name, p.cid
