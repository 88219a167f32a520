-- Of each property the values that the user's identities have, the chosen one first: the primary source's latest, else
-- the latest; ties go to the smaller (pipeline, id). Of an array all elements are chosen, in their order.
with ranked as (
    select *, row_number() over (order by updated_at, pipeline desc, identity_id desc, id_kind desc) as _rank
    from temp.explained
    where side = 0
),

said as (
{% for leaf in leaves %}
    select
        {{ loop.index0 }} as leaf,
        {{ leaf.text }} as value,
        {{ leaf.place }} as place,
        {{ leaf.primary }} as is_primary,
        _rank + if({{ leaf.primary }}, {{ lift }}, 0) as strength,
        {'pipeline': pipeline, 'identity_id': identity_id, 'id_kind': id_kind, 'updated_at': updated_at} as source
    from ({{ leaf.rows }})
    where said is not null
    {{ "union all" if not loop.last }}
{% endfor %}
)

select
    leaf,
    value,
    arg_max(source.pipeline, strength),
    arg_max(source.identity_id, strength),
    arg_max(source.id_kind, strength),
    replace(arg_max(source.updated_at, strength)::varchar, ' ', 'T') || 'Z',
    arg_max(is_primary, strength),
    count(*) as identities,
    count(*) over (partition by leaf) as distinct_values
from said
group by leaf, value
qualify row_number() over (partition by leaf order by min(place), max(strength) desc) <= {{ most }}
order by leaf, min(place), max(strength) desc;
