-- What the file holds, seen from the warehouse in memory that stands in for it: nothing of it is copied. Row ids are the
-- file's, by which rows are deleted there.
create schema if not exists usersync;

{% for name in tables %}
create view {{ name }} as
select *, rowid as rowid
from {{ stored }}.{{ name }};

{% endfor %}
