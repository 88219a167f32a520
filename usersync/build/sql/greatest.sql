-- The cursor's text at the greatest valid update time; of several spellings of one instant the first in order.
select min("cursor text")
from {{ rows }}
where updated_at = (
    select max(updated_at)
    from {{ rows }}
    where updated_at between timestamp '1900-01-01' and timestamp {{ now | literal }} + interval 5 minute
);
