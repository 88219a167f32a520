-- The users that are shown: of those that come or go the largest first; of those that change the ones with other values;
-- of merges and splits one of each other user before a second one.
create or replace temp table shown_users as
with came as (
    select m._user, m.user_id, d.identity_count
    from temp.user_moves as m
    join temp.user_delta as d on d._user = m._user
    where m.change = 'created'
    order by d.identity_count desc, m._user
    limit {{ limit }}
),

changed as (
    select
        n._user,
        n.user_id,
        {% for leaf in leaves %}n.{{ leaf.column | ident }} is not distinct from o.{{ leaf.column | ident }} and {% endfor %}true as same
    from temp.user_delta as n
    join {{ users_before }} as o on o._user = n._user
    where n._action = 'update'
    order by same, n._user
    limit {{ limit }}
),

moved as (
    select
        change,
        _user,
        user_id,
        other_user,
        row_number() over (partition by change, other_user order by _user) as turn,
        count(*) over (partition by change, other_user) as users
    from temp.user_moves
    where change in ('merged', 'split')
),

went as (
    select m._user, m.user_id, o.identity_count
    from temp.user_moves as m
    join {{ users_before }} as o on o._user = m._user
    where m.change = 'deleted'
    order by o.identity_count desc, m._user
    limit {{ limit }}
)

select 'created' as change, row_number() over (order by identity_count desc, _user) as place, _user, user_id, null::bigint as other_user, 1 as users
from came
union all
select 'updated', row_number() over (order by same, _user), _user, user_id, null, 1
from changed
union all
select change, row_number() over (partition by change order by turn, users desc, _user) as place, _user, user_id, other_user, users
from moved
qualify place <= {{ limit }}
union all
select 'deleted', row_number() over (order by identity_count desc, _user), _user, user_id, null, 1
from went;

-- Their identities, as they will be; of those that are deleted as they were.
create or replace temp table shown_identities as
select p._user, coalesce(r._rank, 0) as _rank, a._action, s.*
from {{ scope }} as s
join temp.placed as p on p._pk = s._pk
left join temp.ranked as r on r._pk = s._pk
left join temp.delta as a on a._pk = s._pk
where p._user in (select _user from temp.shown_users where change in ('created', 'updated', 'split'))
union all by name
select b._user, 0 as _rank, a._action, a.* exclude (_action, _into, _old)
from temp.delta as a
join {{ before }} as b on b._pk = a._pk
where a._action = 'delete' and b._user in (select _user from temp.shown_users where change = 'deleted');
