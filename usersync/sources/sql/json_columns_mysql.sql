-- Columns that hold json, which the scanner calls text.
select table_schema, table_name, column_name
from information_schema.columns
where data_type = 'json' and table_schema = database()
