-- Of rows with one id the latest stays; among equally late ones the greatest, so that order of arrival decides nothing.
-- A later row that is rejected stays beside the latest good one, and takes nothing from it.
create or replace table {{ rows }} as
with ranked as (
    select
        *,
        row_number() over (
            partition by id_kind, identity_id, "rejected reason" is null
            order by updated_at desc nulls last, to_json(m)::varchar desc
        ) as "place",
        max(case when "rejected reason" is null then updated_at end) over (partition by id_kind, identity_id) as "good until"
{%- if fallback %},
        arg_max(fallback_id, row(updated_at, fallback_id)) filter (fallback_id is not null and "rejected reason" is null)
            over (partition by id_kind, identity_id) as "last fallback"
{%- endif %}

    from {{ rows }} as m
)

{% if fallback %}
select * exclude ("place", "good until", "last fallback") replace (coalesce(fallback_id, "last fallback") as fallback_id)
{% else %}
select * exclude ("place", "good until")
{% endif %}
from ranked
where identity_id is null
    or (
        "place" = 1
        and ("rejected reason" is null or "good until" is null or updated_at is null or updated_at > "good until")
    );
