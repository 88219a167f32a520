-- Components that hold two identities which an `unlink` keeps apart.
create or replace temp table torn as
select d.a, d.b, a.component
from temp.decided as d
join temp.members as a on a._pk = d.a
join temp.members as b on b._pk = d.b and b.component = a.component
where d.decision = 'unlink';

