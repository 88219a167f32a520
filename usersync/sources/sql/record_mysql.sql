-- Columns of tables and views as the server spells their types.
select table_schema, table_name, column_name, column_type, is_nullable = 'YES' as nullable
from information_schema.columns
where table_schema = database()
order by table_name, ordinal_position
