{% import 'macros.sql' as m with context %}
-- One row per value of an identifier and identity that has it.
create or replace temp table {{ links }} as
select v as value_hash, member
from (
{{ m.links(scope, identifiers, shared, salt) }}
)
{{ "order by all" if sorted }};
