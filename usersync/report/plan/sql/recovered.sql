-- Rows that were rejected before, and are not any more.
select pipeline, count(*)
from usersync.rejected_rows as o
where (pipeline, row::varchar) not in (select (pipeline, row) from temp.rejects)
group by pipeline;
