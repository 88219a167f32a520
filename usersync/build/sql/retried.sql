-- {{ pipeline }}: rejected rows, tried again with today's mapping. Where the source sent that id again, that version decides.
insert into {{ rows }} by name
select r.*
from {{ retried }} as r
anti join {{ rows }} as m on m.identity_id = r.identity_id and m.id_kind = r.id_kind
anti join {{ rows }} as m on m."source row" = r."source row";
