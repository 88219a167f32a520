-- The latest builds with the sums of their pipelines.
select
    r.run_id,
    r.command,
    strftime(r.started_at, '%Y-%m-%dT%H:%M:%SZ') as started_at,
    round(epoch(r.ended_at - r.started_at), 3) as seconds,
    r.outcome,
    count(p.pipeline) as pipelines,
    coalesce(sum(p.read), 0)::bigint as read,
    coalesce(sum(p.inserted), 0)::bigint as inserted,
    coalesce(sum(p.updated), 0)::bigint as updated,
    coalesce(sum(p.deleted), 0)::bigint as deleted,
    coalesce(sum(p.rejected), 0)::bigint as rejected
from usersync.runs as r
left join usersync.pipeline_runs as p on p.run_id = r.run_id
group by all
order by started_at desc, run_id desc
limit {{ limit }};
