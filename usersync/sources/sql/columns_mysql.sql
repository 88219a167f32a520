-- Columns of tables and views with their types.
select
    table_schema,
    table_name,
    column_name,
    data_type,
    numeric_precision,
    numeric_scale,
    collation_name
from information_schema.columns
where table_schema in ({{ schemas }})
{% if tables %}
    and table_name in ({{ tables }})
{% endif %}
order by table_schema, table_name, ordinal_position
