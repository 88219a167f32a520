-- Every identity in scope, with what evidence connects it to.
create or replace temp table members as
select s._pk, coalesce(l.root, s._pk) as component, s._age, s._creates, s._heir, s.updated_at, b._user as old_user
from {{ scope }} as s
left join temp.labels as l on l.node = s._pk
left join {{ before }} as b on b._pk = s._pk;

drop table temp.edges;

drop table temp.labels;

create or replace temp table parts (_pk bigint, part bigint);

create or replace temp table overruled (level integer, value varchar, _pk bigint, other bigint);
