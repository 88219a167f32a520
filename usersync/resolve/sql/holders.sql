-- How many identities will hold each value that changed identities hold or held.
create or replace temp table holders as
select v, count(distinct _pk) as identities
from (
    select value_hash as v, (member & 4294967295)::bigint as _pk
    from temp.hits
    where (member & 4294967295)::bigint not in (select _pk from temp.delta)
    union all
    select v, (member & 4294967295)::bigint
    from temp.came
)
group by v;
