-- {{ pipeline }}: rows that cannot be taken, as read. All that were kept before are among these rows if they are not read
-- anew, do not pass, and their identity has no newer row.
insert into temp.rejects by name
select
    {{ pipeline | literal }} as pipeline,
    m.identity_id,
    m."rejected property" as property,
    m."rejected reason" as reason,
    m."source row" as row,
    coalesce(max(o.attempts), 0) + 1 as attempts
from {{ rows }} as m
left join usersync.rejected_rows as o
    on o.pipeline = {{ pipeline | literal }} and o.row::varchar = m."source row"
where m."rejected reason" is not null
group by all;
