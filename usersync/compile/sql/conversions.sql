-- Conversions of one value; each is null where there is no such conversion. The rules are those of docs/conversions.md.

-- To text: the form that people write. Numbers without trailing zeros, times in RFC 3339.
create or replace macro stage.float_text(x) as case
    when isnan(x) then 'NaN'
    when isinf(x) then if(x > 0, '+Inf', '-Inf')
    when right(x::varchar, 2) = '.0' then left(x::varchar, -2)
    else x::varchar
end;

create or replace macro stage.decimal_text(x) as
    if(contains(x::varchar, '.'), rtrim(rtrim(x::varchar, '0'), '.'), x::varchar);

-- Numbers that came as text.
create or replace macro stage.numeric_text(x) as
    case x when 'Infinity' then '+Inf' when '-Infinity' then '-Inf' else stage.decimal_text(x) end;

create or replace macro stage.numeric_whole(x) as
    if(regexp_full_match(x, '-?[0-9]+(\.0*)?'), split_part(x, '.', 1), null);

create or replace macro stage.numeric_json(x) as
    try_cast(if(regexp_full_match(x, '-?[0-9]+(\.[0-9]*)?'), stage.decimal_text(x), null) as json);

create or replace macro stage.in_years(x) as if(isfinite(x) and year(x) between 1 and 9999, x, null);

create or replace macro stage.timestamp_text(x) as replace(stage.in_years(x)::varchar, ' ', 'T') || 'Z';

create or replace macro stage.date_text(x) as stage.in_years(x)::varchar;

create or replace macro stage.json_text(j) as case json_type(j)
    when 'VARCHAR' then json_extract_string(j, '$')
    when 'OBJECT' then null
    when 'ARRAY' then null
    when 'NULL' then null
    else trim(j::varchar)
end;

-- JSON null is no value. The text of a JSON string, and the text of a JSON number as written.
create or replace macro stage.json_present(j) as j is not null and json_type(j) <> 'NULL';

create or replace macro stage.json_string(j) as if(json_type(j) = 'VARCHAR', json_extract_string(j, '$'), null);

create or replace macro stage.json_number(j) as
    if(list_contains(['BIGINT', 'UBIGINT', 'DOUBLE', 'HUGEINT', 'UHUGEINT', 'DECIMAL'], json_type(j)), trim(j::varchar), null);

create or replace macro stage.json_whole(j) as
    case when regexp_full_match(stage.json_number(j), '-?[0-9]+(\.0+)?') then split_part(stage.json_number(j), '.', 1) end;

-- An id in JSON: text, or a whole number in plain decimal.
create or replace macro stage.json_id(j) as nullif(
    case
        when json_type(j) = 'VARCHAR' then json_extract_string(j, '$')
        when regexp_full_match(stage.json_number(j), '-?[0-9]+') then stage.json_number(j)
    end,
    ''
);

-- From text.
-- No IN: of more than five values DuckDB makes a join, outside of any try().
create or replace macro stage.text_boolean(t) as case
    when list_contains(['true', 'True', 'TRUE', 'yes', 'Yes', 'YES'], t) then true
    when list_contains(['false', 'False', 'FALSE', 'no', 'No', 'NO'], t) then false
end;

create or replace macro stage.text_whole(t) as if(regexp_full_match(t, '[+-]?[0-9]+'), t, null);

create or replace macro stage.text_natural(t) as if(regexp_full_match(t, '[0-9]+'), t, null);

create or replace macro stage.hex_float(p) as
    if(p.sign = '-', -1, 1)
    * try_cast('0x' || p.whole || p.fraction as ubigint)
    * pow(2.0, p.power::integer - 4 * length(p.fraction));

create or replace macro stage.text_float(t) as case
    when regexp_full_match(t, '[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?')
        then if(isinf(try_cast(t as double)), null, try_cast(t as double))
    when regexp_full_match(t, '(?i)[+-]?(inf|infinity|nan)') then try_cast(ltrim(t, '+') as double)
    when regexp_full_match(t, '[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]{1,4}')
        then stage.hex_float(regexp_extract(
            t, '^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)$', ['sign', 'whole', 'fraction', 'power']
        ))
end;

-- A number that says no more digits behind the point than `digits`, zeros aside.
create or replace macro stage.text_decimal(t, digits) as if(
    regexp_full_match(t, '[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)') and length(rtrim(split_part(t, '.', 2), '0')) <= digits, t, null
);

create or replace macro stage.text_timestamp(t) as if(
    regexp_full_match(t, '\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)'),
    stage.in_years(try_cast(regexp_replace(t, '(\.\d{6})\d+', '\1') as timestamptz) at time zone 'UTC'),
    null
);

-- Excel counts days from 1899-12-30; eight and ten characters are taken for other forms.
create or replace macro stage.excel_day(t) as date '1899-12-30' + least(t::bigint, 2958466)::integer;

create or replace macro stage.text_date(t) as stage.in_years(case
    when regexp_full_match(t, '\d{4}-\d{2}-\d{2}') then try_cast(t as date)
    when regexp_full_match(t, '\d{2}[/.]\d{2}[/.]\d{4}') and t[3] = t[6] then try_strptime(replace(t, '.', '/'), '%m/%d/%Y')::date
    when regexp_full_match(t, '\d{3,7}') and t::bigint <= 2958465 then stage.excel_day(t)
end);

-- What follows a whole time is ignored, but a point must be followed by digits.
create or replace macro stage.text_time(t) as if(
    regexp_matches(t, '^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+|[^.]|$)'),
    try_cast(regexp_extract(t, '^\d{2}:\d{2}:\d{2}(\.\d{1,6})?') as time),
    null
);

create or replace macro stage.text_year(t) as if(regexp_full_match(t, '[1-9][0-9]{0,3}'), t::smallint, null);

create or replace macro stage.text_uuid(t) as
    if(
        regexp_full_match(
            t,
            '(?i)((urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}|[0-9a-f]{32})'
        ),
        try_cast(right(replace(rtrim(t, '}'), '-', ''), 32) as uuid),
        null
    );

-- IP addresses, in the canonical form of RFC 5952; a netmask is dropped, a zone kept.
create or replace macro stage.ipv4(t) as
    if(regexp_full_match(t, '((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.|$)){4}') and right(t, 1) <> '.', t, null);

create or replace macro stage.ipv6_groups(t) as
    list_transform(
        list_filter(string_split(t, ':'), lambda g: g <> ''),
        lambda g: if(contains(g, '.'), g, coalesce(nullif(ltrim(lower(g), '0'), ''), '0'))
    );

-- Groups before and behind the `::`, with zeros between them; a dotted tail counts for two.
create or replace macro stage.ipv6_full(t) as (
    if(
        contains(t, '::'),
        stage.ipv6_groups(split_part(t, '::', 1))
        || list_resize(
            []::varchar[],
            8
            - len(stage.ipv6_groups(split_part(t, '::', 1)))
            - len(stage.ipv6_groups(split_part(t, '::', 2)))
            - if(contains(t, '.'), 1, 0),
            '0'
        )
        || stage.ipv6_groups(split_part(t, '::', 2)),
        stage.ipv6_groups(t)
    )
);

create or replace macro stage.ipv6_short(full_text) as coalesce(
    list_filter(
        list_transform([8, 7, 6, 5, 4, 3, 2], lambda n: regexp_replace(
            full_text, '(^|:)0(:0){' || (n - 1)::varchar || '}(:|$)', '::'
        )),
        lambda s: s <> full_text
    )[1],
    full_text
);

create or replace macro stage.ipv6(t) as if(
    regexp_full_match(t, '[0-9a-fA-F:]*:[0-9a-fA-F:]*((\d{1,3}\.){3}\d{1,3})?')
    and not regexp_matches(t, '[0-9a-fA-F]{5}|:::|::.*::|^:[^:]|[^:]:$')
    and (not contains(t, '.') or stage.ipv4(regexp_extract(t, '[^:]*$')) is not null)
    and if(
        contains(t, '::'),
        len(stage.ipv6_groups(t)) + if(contains(t, '.'), 1, 0) <= 7,
        len(stage.ipv6_groups(t)) + if(contains(t, '.'), 1, 0) = 8
    ),
    stage.ipv6_short(array_to_string(stage.ipv6_full(t), ':')),
    null
);

create or replace macro stage.text_inet(t) as
    if(
        contains(t, ':'),
        stage.ipv6(regexp_replace(regexp_replace(t, '%.+$', ''), '/\d{1,3}$', ''))
        || coalesce(nullif(regexp_extract(t, '%[^/]+'), ''), ''),
        stage.ipv4(regexp_replace(t, '/\d{1,2}$', ''))
    );

create or replace macro stage.json_date(j) as stage.in_years(
    try_cast(if(regexp_full_match(stage.json_string(j), '\d{4}-\d{2}-\d{2}'), stage.json_string(j), null) as date)
);

-- From other types.
create or replace macro stage.float_whole(x) as if(isfinite(x) and abs(x) < 1e19, round(x)::hugeint, null);

create or replace macro stage.whole_decimal(x) as if(x = trunc(x), trunc(x)::hugeint, null);

create or replace macro stage.to_real(x) as
    if(isfinite(x) and abs(x) > 3.4028234663852886e38, if(x > 0, 'inf'::float, '-inf'::float), try_cast(x as float));

create or replace macro stage.bytes_text(b) as try(decode(b));

-- Sixteen bytes, or the text of one.
create or replace macro stage.bytes_uuid(b) as
    if(octet_length(b) = 16, try_cast(hex(b) as uuid), stage.text_uuid(stage.bytes_text(b)));

-- One element that did not convert takes the whole list with it.
create or replace macro stage.all_or_none(items) as
    if(len(list_filter(items, lambda item: item is null)) > 0, null, items);

-- Maps from keys and values; null when the values are.
create or replace macro stage.map_of(keys, vals) as if(vals is null, null, map(keys, vals));

create or replace macro stage.map_of_pairs(pairs) as if(
    len(list_filter(pairs, lambda pair: pair.p and pair.v is null)) > 0,
    null,
    map_from_entries(list_transform(list_filter(pairs, lambda pair: pair.p), lambda pair: {'k': pair.k, 'v': pair.v}))
);
