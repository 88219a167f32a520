-- MariaDB's json is text with a check of its own.
select constraint_schema, table_name, constraint_name
from information_schema.check_constraints
where constraint_schema in ({{ schemas }}) and check_clause = concat('json_valid(`', constraint_name, '`)')
