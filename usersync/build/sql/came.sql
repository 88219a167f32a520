{% import 'macros.sql' as m with context %}
-- What the changed identities match by now, and what they matched by before.
create or replace temp table came as
{{ m.links("(select * from temp.arrivals where _action <> 'delete')", identifiers, shared, salt) }};

create or replace temp table went as
{{ m.links("(select _pk, unnest(_old) from temp.arrivals where _old is not null)", identifiers, shared, salt) }};
