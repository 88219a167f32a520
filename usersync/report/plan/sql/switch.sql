-- The identity that a user's id was of, and the one that took its place.
select a.pipeline, a.identity_id, a.id_kind, a._action, s.pipeline, s.identity_id, s.id_kind, s._action
from temp.delta as a
join temp.delta as s on s._pk = a._into
left join temp.placed as p on p._pk = a._into
where a._age = {{ key }} or (p.old_user = {{ key }} and p._user = {{ other }});
