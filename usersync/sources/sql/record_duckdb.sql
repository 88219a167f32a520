-- Columns of tables and views.
select
    c.schema_name,
    c.table_name,
    c.column_name,
    c.data_type,
    c.is_nullable,
    v.view_name is not null as is_view
from duckdb_columns() as c
left join duckdb_views() as v
    on v.database_name = c.database_name and v.schema_name = c.schema_name and v.view_name = c.table_name
where c.database_name = {{ connection | literal }}
order by c.schema_name, c.table_name, c.column_index
