-- The way from the nearest identity of the one end back to the other.
with recursive way as (
    (
        select _pk, parent
        from temp.reached
        where _pk in (select _pk from temp.ends where side = 1)
        order by distance, _age
        limit 1
    )
    union all
    select r._pk, r.parent
    from way as w
    join temp.reached as r on r._pk = w.parent
)

select _pk
from way;
