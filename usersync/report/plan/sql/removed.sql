-- Identities of pipelines that are no longer in models/.
select pipeline, count(*)
from temp.delta
where pipeline not in ({{ pipelines | map('literal') | join(', ') }})
group by pipeline
order by pipeline;
