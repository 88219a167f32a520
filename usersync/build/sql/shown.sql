-- {{ pipeline }}: which user ids show which fallback values, while several rows of one id are still there.
create or replace table {{ shown }} as
select fallback_id, identity_id, updated_at
from {{ rows }}
where id_kind = 'user_id' and fallback_id is not null and "rejected reason" is null;

-- {{ pipeline }}: of a record that has its user id by now, an older row without it is no loss.
delete from {{ rows }} as m
using (
    select fallback_id, max(updated_at) as until
    from {{ shown }}
    where fallback_id in (select fallback_id from {{ rows }} where id_kind = 'fallback' and "rejected reason" is not null)
    group by fallback_id
) as s
where m.fallback_id = s.fallback_id
    and m.id_kind = 'fallback'
    and m.updated_at <= s.until
    and m."rejected reason" is not null;
