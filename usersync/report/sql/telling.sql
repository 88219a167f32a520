-- Of each user the first value that tells who it is.
select
    user_id::varchar,
    coalesce(
{% for leaf in leaves %}
        {{ (leaf.path ~ "=") | literal }} || {{ leaf.column | ident }}::varchar{{ "," if not loop.last }}
{% endfor %}
    )
from usersync.user_rows
where user_id in (
{% for id in ids %}
    {{ id | literal }}::uuid{{ "," if not loop.last }}
{% endfor %}
);
