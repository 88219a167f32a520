-- Types, of a domain the one below it.
with recursive below (oid, base, typmod) as (
    select oid, oid, -1 from pg_catalog.pg_type where typtype <> 'd'
    union all
    select d.oid, b.base, case when d.typtypmod >= 0 then d.typtypmod else b.typmod end
    from pg_catalog.pg_type as d
    join below as b on b.oid = d.typbasetype
    where d.typtype = 'd'
)
