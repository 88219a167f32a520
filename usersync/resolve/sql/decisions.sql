-- Whom models/overrides.csv speaks of. An id is a user id, else a fallback id, else one that was a fallback id.
create or replace temp table decision_refs as
select *
from (
    values
{% for line, decision, side, pipeline, id in references %}
        ({{ line }}, {{ decision | literal }}, {{ side }}, {{ pipeline | literal }}, {{ id | literal }}){{ "," if not loop.last }}
{% else %}
        (0, '', 0, '', '')
{% endfor %}
) as t (line, decision, side, pipeline, id)
where line > 0;

create or replace temp table decision_sides (line integer, side integer, _pk bigint);
{% if references %}

insert into temp.decision_sides
select line, side, arg_min(_pk, (certainty << 40) + coalesce(h._age, f._age)) as _pk
from (
    select f.line, f.side, e._pk, e._age, if(e.id_kind = 'user_id', 0, 1)::bigint as certainty
    from temp.everyone as e
    join temp.decision_refs as f on f.pipeline = e.pipeline and f.id = e.identity_id
    union all
    select f.line, f.side, e._pk, e._age, 2
    from temp.everyone as e
    join temp.decision_refs as f on f.pipeline = e.pipeline and f.id = e.fallback_id
) as f
left join temp.heirs as h using (_pk)
group by line, side;
{% endif %}

-- An `unlink` of the same two beats a `link`.
create or replace temp table decided as
with pairs as (
    select distinct f.decision, least(a._pk, b._pk) as a, greatest(a._pk, b._pk) as b
    from temp.decision_refs as f
    join temp.decision_sides as a on a.line = f.line and a.side = 0
    join temp.decision_sides as b on b.line = f.line and b.side = 1
    where f.side = 0 and a._pk <> b._pk
)

select decision, a, b
from pairs
where decision = 'unlink'
union all
select 'link', p.a, p.b
from pairs as p
where p.decision = 'link'
    and (p.a, p.b) not in (select (a, b) from pairs where decision = 'unlink');

create or replace temp table decisions_changed as
(select decision, a, b from temp.decided except select decision, a, b from usersync.decisions)
union all
(select decision, a, b from usersync.decisions except select decision, a, b from temp.decided);
