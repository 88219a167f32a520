-- Identities that change in nothing but the id and age that they inherit.
insert into temp.delta by name
select
    'inherit' as _action,
    {{ old }} as _old,
    e.* replace (h._own_id as _own_id, h._age as _age, true as _heir)
from {{ stored }} as e
join temp.heirs as h on h._pk = e._pk
where e._pk not in (select _pk from temp.delta);
{% if not full %}

update temp.touched as t
set _age = h._age, _own_id = h._own_id, _heir = true
from temp.heirs as h
where t._pk = h._pk;
{% endif %}
