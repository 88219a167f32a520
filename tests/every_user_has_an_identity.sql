{# A data test is a query that returns the rows that are wrong. One row, and the build keeps the old data. #}
select
    u.user_id,
    u.identity_count,
    count(i.identity_id) as identities_found
from users as u
left join identities as i on i.user_id = u.user_id
group by u.user_id, u.identity_count
having count(i.identity_id) = 0 or count(i.identity_id) <> u.identity_count
