-- Values that both people hold, with the oldest few of the identities that do.
create or replace temp table shared as
select
    level,
    value,
    arg_min(_pk, _age, {{ few }}) filter (side = 0) as ones,
    arg_min(_pk, _age, {{ few }}) filter (side = 1) as others,
    count(*) filter (side = 1) as others_count
from temp.held
group by level, value
having count(distinct side) = 2
order by if(level = {{ same_id }}, -1, level), value
limit {{ most }};
