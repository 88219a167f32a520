-- Rows without user id that are rows of a user id of the same read.
select count(*)
from {{ rows }}
where id_kind = 'fallback' and "rejected reason" is null and fallback_id in (select fallback_id from {{ shown }});
