-- Identifier values of every identity: one row per (identifier, value, identity), arrays one row an element.
create or replace temp table raw_links as
{% for identifier in identifiers %}
select {{ loop.index0 }} as k, v, _pk, {{ "v in (" ~ (identifier.ignored | map('literal') | join(', ')) ~ ")" if identifier.ignored else "false" }} as ignored
from (
    select{{ ' distinct' if identifier.array else '' }}
        {{ "unnest(" ~ (identifier.column | ident) ~ ")::varchar" if identifier.array else (identifier.column | ident) ~ "::varchar" }} as v,
        _pk
    from usersync.identity_rows
)
where v is not null
{% if not loop.last %}
union all
{% endif %}
{% else %}
select 0 as k, ''::varchar as v, 0::bigint as _pk, false as ignored
limit 0
{% endfor %}
;

-- Values that say nothing about a person count as null: those listed, and those that too many identities share.
create or replace temp table ignored as
select k, v, count(*) as identities, case when any_value(ignored) then 'ignore_values' else 'max_identities_per_value' end as reason
from temp.raw_links
group by k, v
having any_value(ignored){% if limit is not none %} or count(*) > {{ limit }}{% endif %}

;

delete from usersync.ignored_values;

insert into usersync.ignored_values by name
select {{ "([" ~ (identifiers | map(attribute='path') | map('literal') | join(', ')) ~ "]::varchar[])" }}[k + 1] as property, v as value, identities, reason
from temp.ignored
order by all;

create or replace temp table kept_links as
select l.k, l.v, l._pk
from temp.raw_links as l
anti join temp.ignored as i on i.k = l.k and i.v = l.v;

-- The mask of a link: which identifiers of higher priority its identity has. Where two masks overlap, that identifier
-- decides, not this one.
create or replace temp table links as
select l.k, l.v, b.bits & ((1 << l.k) - 1) as mask, l._pk
from temp.kept_links as l
join (select _pk, bit_or(1 << k) as bits from temp.kept_links group by _pk) as b on b._pk = l._pk;

-- One connection and one id are one person, whatever their values.
insert into temp.links
select -1 as k, connection || chr(31) || id_kind || chr(31) || identity_id as v, 0 as mask, _pk
from usersync.identity_rows;
