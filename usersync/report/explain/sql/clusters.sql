-- The identities of the people asked about.
create or replace temp table explained_keys as
{% for component, key in clusters %}
select {{ loop.index0 }} as side, _pk
from usersync.components
where component = {{ component | literal }} and _user is not distinct from {{ key | literal }}
{{ "union all" if not loop.last }}
{% endfor %};
