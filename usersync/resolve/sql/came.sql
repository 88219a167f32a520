{% import 'macros.sql' as m with context %}
-- What the changed identities match by now, and what they matched by before.
create or replace temp table came as
{{ m.links("temp.arrived", identifiers, shared, salt) }};

create or replace temp table went as
{{ m.links("temp.former", identifiers, shared, salt) }};

-- The links of these values so far.
create or replace temp table hits as
select rowid as place, value_hash, member
from usersync.links
where value_hash in (select v from temp.came union all select v from temp.went);
