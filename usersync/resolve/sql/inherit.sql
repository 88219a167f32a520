update temp.delta as d
set _age = h._age, _heir = true
from temp.heirs as h
where d._pk = h._pk and d._action <> 'delete';

-- Identities that change in nothing but the age that they inherit.
insert into temp.delta by name
select
    'inherit' as _action,
    {{ old }} as _old,
    e.* replace (h._age as _age, true as _heir)
from {{ "usersync.identity_rows" if full else "temp.touched" }} as e
join temp.heirs as h on h._pk = e._pk
where e._pk not in (select _pk from temp.delta);
{% if not full %}

update temp.touched as t
set _age = h._age, _heir = true
from temp.heirs as h
where t._pk = h._pk;
{% endif %}
