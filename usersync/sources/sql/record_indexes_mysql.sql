-- Columns of indexes; a part that is an expression has none.
select table_schema, table_name, index_name, index_name = 'PRIMARY' as is_primary, column_name
from information_schema.statistics
where table_schema = database() and index_type = 'BTREE'
order by table_name, index_name, seq_in_index
