-- The links in the order of their values.
create or replace temp table links as
from temp.loose
order by all;

drop table temp.loose;
