{% if not few %}
-- First where the rows are, then the rows: a lookup of many keys would decode all columns of every row group that it
-- meets.
create or replace temp table explained_places as
select k.side, r.rowid as place
from usersync.identity_rows as r
join temp.explained_keys as k on k._pk = r._pk;
{% endif %}

create or replace temp table {{ rows }} as
select
    k.side,
{% for column in columns %}
    r.{{ column | ident }}{{ "," if not loop.last }}
{% endfor %}
from usersync.identity_rows as r
join {{ "temp.explained_keys as k on k._pk = r._pk" if few else "temp.explained_places as k on k.place = r.rowid" }};

-- What they hold of each identifier, ignored values too, and their ids.
{{ "create or replace temp table held as" if fresh else "insert into temp.held" }}
select *
from (
{% for one in identifiers %}
    select side, _pk, _age, {{ one.level }} as level, {{ one.path | literal }} as property, {{ "unnest(list_distinct(" ~ one.texts ~ "))" if one.array else one.texts }} as value
    from {{ rows }}
    union all
{% endfor %}
    select side, _pk, _age, {{ same_id }} as level, null::varchar as property, {{ id_value() }} as value
    from {{ rows }}
)
where value is not null;

-- Which of those values a guard took.
create or replace temp table held_ignored as
select h.level, i.value, i.reason, i.identities
from usersync.ignored_values as i
join (select distinct level, property, value from temp.held) as h on h.property = i.property and h.value = i.value;

-- Evidence of theirs that an unlink cut. Without a property it is the id, or else a link: decisions tell of those.
{{ "create or replace temp table overruled as" if fresh else "insert into temp.overruled" }}
select
    e._pk,
    if(o.property is null, {{ same_id }}, list_position([{{ identifiers | map(attribute='path') | map('literal') | join(', ') }}]::varchar[], o.property) - 1) as level,
    if(o.property is null, {{ id_value("e") }}, o.value) as value
from usersync.overruled_values as o
join {{ rows }} as e
    on e.pipeline = o.pipeline and e.identity_id = o.identity_id and e.id_kind = o.id_kind
where o.property is not null or o.value = o.identity_id;
{% if not fresh %}

insert into temp.explained
from {{ rows }};
{% endif %}
