-- A cluster is a user when some identity in it creates users. Its id is that of its oldest identity which creates
-- users, or inherited its id from one that did: whatever the order and the way in which the cluster came together.
create or replace temp table owners as
select cluster, min(_age) filter (_creates or _heir) as _user
from (
    select coalesce(p.part, m.component) as cluster, m._age, m._creates, m._heir
    from temp.members as m
    left join temp.parts as p on p._pk = m._pk
)
group by cluster
having bool_or(_creates);

create or replace temp table placed as
select m._pk, m.component, o._user, m._age, m.updated_at, m.old_user
from temp.members as m
left join temp.parts as p on p._pk = m._pk
left join temp.owners as o on o.cluster = coalesce(p.part, m.component);

-- The rank of an identity's values within its user: its time, and where two are of one time their place in order.
create or replace temp table tied as
select _pk, row_number() over (
    partition by _user order by updated_at, pipeline desc, identity_id desc, id_kind desc
) as place
from (
    select p._pk, p._user, s.updated_at, s.pipeline, s.identity_id, s.id_kind
    from {{ scope }} as s
    join temp.placed as p on p._pk = s._pk
    where p._user in (
        select _user
        from temp.placed
        where _user is not null
        group by _user, updated_at
        having count(*) > 1
    )
);

create or replace temp table ranked as
select p._pk, p._user, coalesce(t.place, epoch_us(p.updated_at)) as _rank
from temp.placed as p
left join temp.tied as t on t._pk = p._pk
where p._user is not null;

-- The value of a property: the primary source's latest, else the latest; ties go to the smaller (pipeline, id). In slices
-- of users where all at once would not fit in memory.
{% for slice in range(slices) %}
{{ "create or replace temp table golden as" if loop.first else "insert into temp.golden" }}
select
    r._user,
{% for leaf in leaves %}
    {{ leaf.golden }} as {{ leaf.column | ident }},
{% endfor %}
    count(*) as identity_count,
    max(s.updated_at) as updated_at
from {{ scope }} as s
join temp.ranked as r on r._pk = s._pk
{% if slices > 1 %}
where r._user % {{ slices }} = {{ slice }}
{% endif %}
group by r._user;

{% endfor %}
-- The ids of users that were not there before, each made of its age.
create or replace temp table given_ids as
select g._user, {{ user_id("s.seed", "g._user") }} as user_id
from (
    select _user
    from temp.golden
    where _user not in (select _user from {{ users_before }})
) as g
asof join temp.id_seeds as s on s.first_age <= g._user;

create or replace temp table user_delta as
select
    case when o._user is null then 'insert' when g._user is null then 'delete' else 'update' end as _action,
    coalesce(g._user, o._user) as _user,
    coalesce(o.user_id, i.user_id) as user_id,
{% for leaf in leaves %}
    g.{{ leaf.column | ident }},
{% endfor %}
    g.identity_count,
    coalesce(o.created_at, timestamp {{ now | literal }}) as created_at,
    g.updated_at
from temp.golden as g
full join {{ users_before }} as o on o._user = g._user
left join temp.given_ids as i on i._user = g._user
where o._user is null
    or g._user is null
    or g.identity_count is distinct from o.identity_count
    or g.updated_at is distinct from o.updated_at
{% for leaf in leaves %}
    or g.{{ leaf.column | ident }} is distinct from o.{{ leaf.column | ident }}
{% endfor %}
;

-- Accounts of a user, each once; the name is the latest.
create or replace temp table accounts as
select _user, account_id, arg_max(account_name, _rank) as account_name
from (
    select r._user, r._rank, unnest(s.account_ids) as account_id, s.account_name
    from {{ scope }} as s
    join temp.ranked as r on r._pk = s._pk
    where s.account_ids is not null
)
group by _user, account_id;

create or replace temp table user_keys as
select _user, user_id
from {{ users_before }}
union
select _user, user_id
from temp.user_delta
where _action = 'insert';

create or replace temp table account_delta as
with today as (
    select k.user_id, a.account_id, a.account_name
    from temp.accounts as a
    join temp.user_keys as k on k._user = a._user
),

stored as (
    select *
    from user_accounts
    where user_id in (select user_id from temp.user_keys)
)

select coalesce(n.user_id, o.user_id) as user_id, coalesce(n.account_id, o.account_id) as account_id, n.account_name, n.user_id is not null as alive
from today as n
full join stored as o on o.user_id = n.user_id and o.account_id = n.account_id
where o.user_id is null or n.user_id is null or o.account_name is distinct from n.account_name;

-- What became of users: for whoever keeps a table by user_id. An id goes where the identity went that it was of, or the
-- one that took that identity's place.
create or replace temp table user_moves as
select if(o.old_user is null, 'created', 'split') as change, d._user, d.user_id, o.old_user as other_user
from temp.user_delta as d
left join temp.placed as o on o._age = d._user
where d._action = 'insert'
union all
select if(h._user is null, 'deleted', 'merged'), d._user, d.user_id, h._user
from temp.user_delta as d
left join (
    select _age, _user
    from temp.placed
    union all
    select a._age, p._user
    from temp.delta as a
    join temp.placed as p on p._pk = a._into
    where a._action = 'delete' and a._age not in (select _age from temp.placed)
    union all
    -- One that took over the id of an older one no longer has its own.
    select a._old._age, p._user
    from temp.delta as a
    join temp.placed as p on p._pk = a._pk
    where a._action = 'update' and a._old._age <> a._age
) as h on h._age = d._user
where d._action = 'delete';
