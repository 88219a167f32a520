-- Columns of tables and views as the server spells their types.
select
    c.table_schema,
    c.table_name,
    c.column_name,
    c.column_type,
    c.is_nullable = 'YES' as nullable,
    t.table_type <> 'BASE TABLE' as is_view
from information_schema.columns as c
join information_schema.tables as t on t.table_schema = c.table_schema and t.table_name = c.table_name
where c.table_schema = database()
order by c.table_name, c.ordinal_position
