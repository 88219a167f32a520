-- The users that some identities will be of: how many identities each has, and whose those are today.
with parts as (
    select _pk, component, _user
    from temp.placed
    where _pk in ({{ keys | join(', ') }})
),

members as (
    select
        t._pk,
        count(*) as identities,
        list(distinct {'age': k._user, 'user_id': k.user_id::varchar}) filter (k._user is not null) as were
    from parts as t
    join temp.placed as p on p.component = t.component and p._user is not distinct from t._user
    left join temp.user_keys as k on k._user = p.old_user
    group by t._pk
)

select t._pk, t.component, t._user, k.user_id::varchar, m.identities, list_transform(list_sort(m.were), w -> w.user_id)
from parts as t
join members as m on m._pk = t._pk
left join temp.user_keys as k on k._user = t._user;
