-- Functions that compiled pipelines call. Arguments are substituted, and DuckDB computes repeated parts once.

-- ISO 8601 as update times have it: YYYY[-MM[-DD]|-DDD], then a T or a blank and HH[:MM[:SS[.f]]][Z|±HH[[:]MM]].
-- No zone is UTC. No week dates, no compact forms, no 24:00, no leap seconds.
create or replace macro stage.iso8601_parts(t) as regexp_extract(
    t,
    '^(\d{4})(?:-(\d{2})(?:-(\d{2}))?|-(\d{3}))?(?:[T ]([01]\d|2[0-3])(?::([0-5]\d)(?::([0-5]\d)(\.\d+)?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$',
    ['year', 'month', 'day', 'ordinal', 'hour', 'minute', 'second', 'fraction', 'zone']
);

create or replace macro stage.iso8601_day(p) as case
    when p.ordinal = '' then concat_ws('-', p.year, coalesce(nullif(p.month, ''), '01'), coalesce(nullif(p.day, ''), '01'))
    when p.ordinal between '001' and if(try_cast(p.year || '-02-29' as date) is null, '365', '366')
        then strftime(make_date(p.year::integer, 1, 1) + (p.ordinal::integer - 1), '%Y-%m-%d')
end;

create or replace macro stage.iso8601_clock(p) as concat(
    coalesce(nullif(p.hour, ''), '00'), ':', coalesce(nullif(p.minute, ''), '00'), ':', coalesce(nullif(p.second, ''), '00'),
    left(p.fraction, 7)
);

create or replace macro stage.iso8601_zone(p) as case
    when p.zone in ('', 'Z') then '+00:00'
    when length(p.zone) = 5 then left(p.zone, 3) || ':' || right(p.zone, 2)
    else p.zone
end;

create or replace macro stage.iso8601_instant(p) as
    try_cast(stage.iso8601_day(p) || ' ' || stage.iso8601_clock(p) || stage.iso8601_zone(p) as timestamptz) at time zone 'UTC';

create or replace macro stage.iso8601(t) as stage.iso8601_instant(stage.iso8601_parts(t));
