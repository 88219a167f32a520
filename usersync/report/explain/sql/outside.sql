-- Values of the user that identities of others hold too, with the first few of those.
create or replace temp table sought as
{% for level, hash in hashes %}
select level, value, {{ hash }} as value_hash
from (select distinct level, value from temp.held where level = {{ level }} and _pk in (select _pk from temp.chosen))
anti join temp.held_ignored using (level, value)
{{ "union all" if not loop.last }}
{% endfor %};

create or replace temp table outside as
select value_hash, count(*) as others, min((member & 4294967295)::bigint, {{ few }}) as keys
from usersync.links
where value_hash in (select value_hash from temp.sought)
    and (member & 4294967295)::bigint not in (select _pk from temp.explained_keys)
group by value_hash;

create or replace temp table shared as
select s.level, s.value, arg_min(h._pk, h._age, {{ few }}) as ones, any_value(o.keys) as others, any_value(o.others) as others_count
from temp.outside as o
join temp.sought as s on s.value_hash = o.value_hash
join temp.held as h on h.level = s.level and h.value = s.value
group by s.level, s.value
order by if(s.level = {{ same_id }}, -1, s.level), s.value
limit {{ most }};

create or replace temp table explained_keys as
select distinct 1 as side, _pk
from (
    select unnest(others) as _pk from temp.shared
    union all
    select unnest([a, b]) from usersync.decisions
    where a in (select _pk from temp.explained_keys) or b in (select _pk from temp.explained_keys)
)
where _pk not in (select _pk from temp.explained_keys);
