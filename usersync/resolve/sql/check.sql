-- What keys would promise, of what is to be written: each row says what is wrong.
select 'identity_rows has a key twice' as problem
from (select 1 from {{ scope }} group by _pk having count(*) > 1 limit 1)
union all
select 'identities has an identity twice'
from (
    select 1
    from {{ scope }}
    where hash(pipeline, id_kind, identity_id) in (
        select h
        from (select hash(pipeline, id_kind, identity_id) as h from {{ scope }})
        group by h
        having count(*) > 1
    )
    group by pipeline, id_kind, identity_id
    having count(*) > 1
    limit 1
)
union all
select 'two identities have one age'
from (select 1 from {{ scope }} group by _age having count(*) > 1 limit 1)
union all
select 'users and components disagree'
where (select count(*) from temp.golden) <> (select count(distinct _user) from temp.placed);
