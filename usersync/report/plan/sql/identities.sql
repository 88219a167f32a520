-- The first few identities of each shown user, the oldest first, and how many there are.
select
    _user,
    count(*),
    list({'pipeline': pipeline, 'identity_id': identity_id, 'id_kind': id_kind, 'action': _action} order by _age)[:{{ few }}]
from temp.shown_identities
group by _user;
