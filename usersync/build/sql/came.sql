{% import 'macros.sql' as m with context %}
-- What the changed identities match by now, and what they matched by before.
create or replace temp table came as
{{ m.links("temp.arrived", identifiers, shared, salt) }};

create or replace temp table went as
{{ m.links("temp.former", identifiers, shared, salt) }};
