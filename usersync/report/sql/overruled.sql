-- Evidence that unlinks cut in some components, the strongest first.
select
    case when o.level > 0 then {{ "([" ~ (identifiers | map('literal') | join(', ')) ~ "]::varchar[])" }}[o.level] end,
    case o.level when -1 then 'link to ' || t.pipeline || ':' || t.identity_id when 0 then 'id ' || s.identity_id else o.value end,
    s.pipeline || ':' || s.identity_id
from temp.overruled as o
join temp.placed as p on p._pk = o._pk
join {{ scope }} as s on s._pk = o._pk
left join {{ scope }} as t on t._pk = o.other
where p.component in ({{ components | join(', ') }})
order by o.level, s._age, o.value
limit {{ limit }};
