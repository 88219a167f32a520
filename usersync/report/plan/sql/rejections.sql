-- Rejected rows by pipeline, property and reason, most first, with a few of the new ones as read.
select
    pipeline,
    property,
    reason,
    count(*) as rows,
    count(*) filter (attempts = 1) as new,
    coalesce(list(row order by identity_id) filter (attempts = 1), [])[:{{ limit }}] as samples
from temp.rejects
group by pipeline, property, reason
order by pipeline, rows desc, property, reason;
