-- The identity that one under a fallback id has become.
select s.pipeline, s.identity_id, s.id_kind, null
from temp.delta as a
join temp.delta as s on s._pk = a._into
where a._pk = {{ place }};
