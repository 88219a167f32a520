-- Of rows with one id the latest stays; among equally late ones the greatest, so that order of arrival decides nothing.
create or replace table {{ rows }} as
select *
from {{ rows }} as m
qualify
    identity_id is null
    or row_number() over (
        partition by id_kind, identity_id
        order by updated_at desc nulls last, to_json(m)::varchar desc
    ) = 1;
