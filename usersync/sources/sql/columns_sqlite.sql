select m.name as "table", p.name as "column", upper(p.type) as type
from sqlite_master as m
join pragma_table_info(m.name) as p
where m.type in ('table', 'view')
