-- Columns of tables and views.
select schema_name, table_name, column_name, data_type, is_nullable
from duckdb_columns()
where database_name = {{ connection | literal }}
order by schema_name, table_name, column_index
