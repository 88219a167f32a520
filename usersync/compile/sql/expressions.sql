-- Functions of imported mappings: what docs/import-export.md promises of them, DuckDB's own do slightly otherwise.

-- A converted value; the row fails when there was something to convert and nothing came of it.
-- The cast that fails is an index, since DuckDB raises at once what fails as a constant condition.
create or replace macro stage.must(value, present) as
    [value][cast(if(present and value is null, 'is not valid', '1') as integer)];

-- White space is Unicode's: tabs and line ends too, not only blanks.
create or replace macro stage.ltrim(t) as regexp_replace(t, '^[\s\v\x{85}\pZ]+', '');

create or replace macro stage.rtrim(t) as regexp_replace(t, '[\s\v\x{85}\pZ]+$', '');

create or replace macro stage.trim(t) as regexp_replace(t, '^[\s\v\x{85}\pZ]+|[\s\v\x{85}\pZ]+$', '', 'g');

-- A sharp s stays: it has no single capital letter in common use.
create or replace macro stage.upper(t) as if(contains(t, 'ß'), replace(upper(t), 'ẞ', 'ß'), upper(t));

-- The first letter of each word as a capital. Words end at white space and ASCII punctuation, not at `_`.
create or replace macro stage.initcap(t) as array_to_string(
    list_transform(
        regexp_extract_all(t, '[^\x00-/:-@\[-^`{-\x7F\x{85}\pZ]+|(?s:.)'), lambda word: stage.upper(word[1]) || word[2:]
    ),
    ''
);

-- A member of a JSON object; the row fails when there is something else than an object. Without that member: null.
create or replace macro stage.json_member(j, name) as json_extract(
    stage.must(if(json_type(j) = 'OBJECT', j, null), j is not null),
    '/' || replace(replace(name, '~', '~0'), '/', '~1')
);

-- The same, and null when there is something else than an object.
create or replace macro stage.json_member_if_any(j, name) as
    if(json_type(j) = 'OBJECT', json_extract(j, '/' || replace(replace(name, '~', '~0'), '/', '~1')), null);

-- Text as JSON; the row fails when it is none. DuckDB's own cast lets `NaN` and a comma before a bracket pass.
create or replace macro stage.json_parse(t) as cast(
    if(regexp_matches(regexp_replace(t, '"(\\.|[^"\\])*"', '0', 'g'), '(?i),\s*[\]}]|nan|inf'), '', t) as json
);

-- A part of a text: the row fails when it is an array or object. JSON null is the word.
create or replace macro stage.json_part(j) as
    if(json_type(j) = 'NULL', 'null', stage.must(stage.json_text(j), j is not null));

-- Entries of an object or array; characters of anything else.
create or replace macro stage.json_length(j) as coalesce(
    case json_type(j)
        when 'OBJECT' then len(json_keys(j))
        when 'ARRAY' then json_array_length(j)::bigint
        else length(stage.json_text(j))
    end,
    0
);

-- Members whose value is null are left out; JSON null stays.
create or replace macro stage.json_object_of(pairs) as
    to_json(map_from_entries(list_filter(pairs, lambda pair: pair.v is not null)));
