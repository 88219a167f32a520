-- Which values of users change, and the identity that each new one comes from.
with now as (
    select * from temp.user_delta where _user in (select _user from temp.shown_users where change = 'updated')
),

was as (
    select * from {{ users_before }} where _user in (select _user from temp.shown_users where change = 'updated')
)

{% for leaf in changing %}
select
    n._user,
    {{ loop.index0 }} as leaf,
    any_value({{ leaf.old }}),
    any_value({{ leaf.new }}),
    arg_max({'pipeline': s.pipeline, 'identity_id': s.identity_id, 'id_kind': s.id_kind, 'action': s._action}, {{ leaf.rank }})
        filter ({{ leaf.source }})
from now as n
join was as w on w._user = n._user
join temp.shown_identities as s on s._user = n._user
where n.{{ leaf.column | ident }} is distinct from w.{{ leaf.column | ident }}
group by n._user
{{ "union all" if not loop.last }}
{% endfor %}
order by leaf;
