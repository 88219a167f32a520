-- Columns with the types that the scanner takes them for. It takes times of day for timestamps.
select c.table_name, c.column_name, if(d.type = 'TIME', 'VARCHAR', c.data_type)
from duckdb_columns() as c
left join sqlite_query({{ connection | literal }}, {{ declared }}) as d
    on d.table = c.table_name and d.column = c.column_name
where c.database_name = {{ connection | literal }}
order by c.table_name, c.column_index
