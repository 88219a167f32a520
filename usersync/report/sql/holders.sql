-- The clusters of the identities that hold a value, those with the oldest such identity first.
-- The value is cast, not the column: that way zone maps and compression do most of the search.
select c.component, c._user
from usersync.components as c
join usersync.identity_rows as r on r._pk = c._pk
{% if array %}
where list_contains(r.{{ column | ident }}, {{ value | literal }}::{{ stored }})
{% else %}
where r.{{ column | ident }} = {{ value | literal }}::{{ stored }}
{% endif %}
group by c.component, c._user
order by min(r._age)
limit {{ limit }};
