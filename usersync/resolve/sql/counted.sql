-- Which values too many identities share.
create or replace temp table over (v ubigint);
{% if limit is not none %}

insert into temp.over
select value_hash
from {{ links }}
where value_hash in (select value_hash from {{ links }} group by value_hash having count(*) > {{ limit }})
group by value_hash
having count(distinct member) > {{ limit }};
{% endif %}
