-- Identities that have no user, and had one or are new.
with waiting as (
    select p._pk, p._age, a._action
    from temp.placed as p
    left join temp.delta as a on a._pk = p._pk
    where p._user is null and (p.old_user is not null or a._action = 'insert')
)

select
    (select count(*) from waiting),
    (
        select list({'pipeline': s.pipeline, 'identity_id': s.identity_id, 'id_kind': s.id_kind, 'action': w._action} order by s._age)
        from {{ scope }} as s
        join (from waiting order by _age limit {{ limit }}) as w on w._pk = s._pk
    );
