-- The identity of a pipeline under an id or a fallback id; user ids come first, then the oldest.
select _pk, _age, pipeline, identity_id, id_kind, _creates
from usersync.identity_rows
where pipeline = {{ pipeline | literal }} and {{ column | ident }} = {{ value | literal }}
order by id_kind <> 'user_id', _age
limit 1;
