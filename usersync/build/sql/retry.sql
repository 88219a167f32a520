-- {{ pipeline }}: rows rejected before, as they were read.
create or replace table {{ rows }} as
select
{% for name, value in columns %}
    {{ value }} as {{ name | ident }}{{ "," if not loop.last }}
{% endfor %}
from warehouse.usersync.rejected_rows
where pipeline = {{ pipeline | literal }};
