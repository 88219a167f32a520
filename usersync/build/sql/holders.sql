-- How many identities will hold each value that changed identities hold or held.
create or replace temp table holders as
with held as (
    select value_hash as v, (member & 4294967295)::bigint as _pk
    from usersync.links
    where value_hash in (select v from temp.came union select v from temp.went)
)

select v, count(distinct _pk) as identities
from (
    select v, _pk
    from held
    anti join temp.delta using (_pk)
    union all
    select v, (member & 4294967295)::bigint
    from temp.came
)
group by v;
