-- Columns of indexes in their order; the key of a table first.
select "schema", "table", "index", is_primary, "column"
from (
    select 'main' as "schema", m.name as "table", '' as "index", 1 as is_primary, p.name as "column", p.pk as place
    from sqlite_master as m
    join pragma_table_info(m.name) as p
    where m.type = 'table' and p.pk > 0
    union all
    select 'main', m.name, l.name, 0, i.name, i.seqno
    from sqlite_master as m
    join pragma_index_list(m.name) as l
    join pragma_index_info(l.name) as i
    where l.origin <> 'pk' and l.partial = 0
)
order by "table", "index", place
