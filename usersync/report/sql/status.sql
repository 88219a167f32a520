-- Each pipeline's last run, cursor and identities.
with runs as (
    select
        p.pipeline,
        strftime(max(r.started_at), '%Y-%m-%dT%H:%M:%SZ') as last_run,
        arg_max(p.outcome, r.started_at) as last_outcome
    from usersync.pipeline_runs as p
    join usersync.runs as r on r.run_id = p.run_id
    group by p.pipeline
),

identities as (
    select pipeline, count(*) as identities
    from usersync.identity_rows
    group by pipeline
)

select r.pipeline, r.last_run, r.last_outcome, c.value, coalesce(i.identities, 0)
from runs as r
left join usersync.cursors as c on c.pipeline = r.pipeline
left join identities as i on i.pipeline = r.pipeline;
