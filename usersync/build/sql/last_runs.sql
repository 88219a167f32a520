-- When each pipeline last ran well, in UTC.
select p.pipeline, strftime(max(r.started_at), '%Y-%m-%dT%H:%M:%S.%f+00:00') as started_at
from usersync.pipeline_runs as p
join usersync.runs as r on r.run_id = p.run_id
where p.outcome = 'success'
group by p.pipeline;
