-- Columns of primary keys.
select schema_name, table_name, '' as index_name, true as is_primary, unnest(constraint_column_names) as column_name
from duckdb_constraints()
where database_name = {{ connection | literal }} and constraint_type = 'PRIMARY KEY'
