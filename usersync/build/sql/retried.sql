-- {{ pipeline }}: rejected rows, tried again with today's mapping. Where the source sent that id again, that version decides.
insert into {{ rows }} by name
select r.*
from {{ retried }} as r
anti join {{ rows }} as m on m.identity_id = r.identity_id and m.id_kind = r.id_kind
anti join {{ rows }} as m on m."source row" = r."source row"
{%- if fallback %}

-- It has its user id by now.
anti join (select fallback_id from {{ rows }} where id_kind = 'user_id') as m
    on m.fallback_id = case when r.id_kind = 'fallback' then r.fallback_id end
{%- endif %}
;
