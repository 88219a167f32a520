-- Domains, with the type at the bottom of each. Few, so that the planner takes the catalog for as small as it is.
with recursive within (oid, base, typmod) as (
    select oid, typbasetype, typtypmod from pg_catalog.pg_type where typtype = 'd'
    union all
    select w.oid, d.typbasetype, case when w.typmod >= 0 then w.typmod else d.typtypmod end
    from within as w
    join pg_catalog.pg_type as d on d.oid = w.base
    where d.typtype = 'd'
),
below (oid, base, typmod) as (
    select w.oid, w.base, w.typmod
    from within as w
    join pg_catalog.pg_type as t on t.oid = w.base
    where t.typtype <> 'd'
)
