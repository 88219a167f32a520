-- Views and macros of an attached file.
select lower(view_name) as name, sql
from duckdb_views()
where database_name = {{ file | literal }} and not internal
union all
select lower(function_name), macro_definition
from duckdb_functions()
where database_name = {{ file | literal }} and macro_definition is not null
