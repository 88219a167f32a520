-- What the file holds, seen from the warehouse in memory that stands in for it: nothing of it is copied.
create schema if not exists usersync;

{% for name in tables %}
create view {{ name }} as
from {{ stored }}.{{ name }};

{% endfor %}
