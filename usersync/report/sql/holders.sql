-- The clusters of the identities that hold a value, those with the oldest such identity first.
{% set column = column | ident %}
{% set value = (value | literal) ~ "::" ~ stored %}
{% set holds = "list_contains(" ~ column ~ ", " ~ value ~ ")" if array else column ~ " = " ~ value %}
{% if hash %}
-- By the index: step by step, since all at once the column would be searched too.
create or replace temp table value_links as
select (member & 4294967295)::bigint as _pk
from usersync.links
where value_hash = {{ hash }};

create or replace temp table value_rows as
select r._pk, r._age, r.{{ column }}
from usersync.identity_rows as r
join temp.value_links as l on l._pk = r._pk;

create or replace temp table value_holders as
select _pk, _age
from temp.value_rows
where {{ holds }};
{% else %}
-- The value is cast, not the column: that way zone maps and compression do most of the search.
create or replace temp table value_holders as
select _pk, _age
from usersync.identity_rows
where {{ holds }};
{% endif %}

create or replace temp table value_clusters as
select component, _user, _pk
from usersync.components
where component in (select component from usersync.nodes where _pk in (select _pk from temp.value_holders));

select c.component, c._user
from temp.value_clusters as c
join temp.value_holders as h on h._pk = c._pk
group by c.component, c._user
order by min(h._age)
limit {{ limit }};
