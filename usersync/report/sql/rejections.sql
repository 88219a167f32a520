-- Rejected rows by pipeline, property and reason, most first, with a few of each as read.
select
    pipeline,
    property,
    reason,
    count(*) as rows,
    max(attempts) as attempts,
    list(row::varchar order by identity_id)[:{{ samples }}] as samples
from usersync.rejected_rows
group by pipeline, property, reason
order by pipeline, rows desc, property, reason;
