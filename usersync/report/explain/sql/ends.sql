-- The identities at both ends of a chain. Where a text means none in particular, it means all.
create or replace temp table ends as
{% for side, condition in sides %}
select {{ side }} as side, _pk
from temp.explained
where {{ condition }} or not exists (from temp.explained where {{ condition }})
{{ "union all" if not loop.last }}
{% endfor %};
