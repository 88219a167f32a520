"""The one SELECT that turns staged rows into identities: value and reason of every property in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from usersync.compile.conversions import convert
from usersync.compile.limits import alias, leaf_values
from usersync.compile.mapping import computed, may_fail
from usersync.compile.pipeline import UNKNOWN, Compiled
from usersync.compile.source_types import Family, SourceType
from usersync.compile.sql import DIALECT, ident, literal, template
from usersync.compile.times import instant, needs_format, text_of
from usersync.compile.type_problems import impossible
from usersync.diagnostics import ConfigError
from usersync.project.model import Pipeline


def projection_sql(
    compiled: Compiled, staged: str, types: Mapping[str, SourceType], expressions: Sequence[SourceType], now: str
) -> str:
    """The one SELECT from staged rows to identities.

    Args:
        compiled: The pipeline.
        staged: The staged table, as SQL.
        types: The types of the query's columns, by name.
        expressions: The type of each mapped expression, in order.
        now: The run's start in UTC, `YYYY-MM-DD HH:MM:SS.ffffff`: what a row without update time gets.
    """
    model = compiled.model
    kinds = {name.lower(): kind for name, kind in types.items()}
    properties, leaves = [], []
    for index, (mapped, kind) in enumerate(zip(compiled.mapped, expressions, strict=True)):
        raw, value, reason = (alias(prefix, index) for prefix in ("raw", "value", "reason"))
        conversion = convert(raw, kind, value, mapped.target)
        if conversion is None:
            raise ConfigError(impossible(compiled.model, mapped, kind))
        tree = computed(mapped.tree, kinds)
        tried = alias("tried", index) if may_fail(tree) else None
        leaves += leaf_values(value, mapped.target)
        properties.append(
            {
                "path": mapped.target.path,
                "expression": tree.sql(dialect=DIALECT, comments=False),
                "raw_alias": raw,
                "value_alias": value,
                "reason_alias": reason,
                "tried_alias": tried,
                "value": conversion.value,
                "reason": conversion.reason,
            }
        )
    return template(
        "usersync.compile",
        "projection",
        pipeline=model.stem,
        staged=staged,
        user_id=model.user_id,
        updated_at=model.updated_at or "",
        leaves=leaves,
        properties=properties,
        source_row=row_json('"row read"', types),
        **_identity(model, kinds),
        **_time(model, kinds, now),
        **_accounts(model, kinds),
    )


# As JSON numbers these would lose digits, or have no form at all.
_SPELLED_OUT = frozenset({Family.DECIMAL, Family.FLOAT})


def row_json(row: str, types: Mapping[str, SourceType]) -> str:
    """A staged row as JSON text, from which `row_column` gets every value back as it was."""
    fields = ", ".join(f"{ident(name)} := {_field(row, name, kind)}" for name, kind in types.items())
    return f"to_json(struct_pack({fields}))::varchar"


def _field(row: str, name: str, kind: SourceType) -> str:
    value = f"struct_extract({row}, {literal(name)})"
    whole = kind.family is Family.INTEGER and kind.name in {"HUGEINT", "UHUGEINT"}
    return f"{value}::varchar" if whole or kind.family in _SPELLED_OUT else value


def row_column(row: str, name: str, kind: SourceType) -> str:
    """SQL of a column's value from a row kept as JSON; NULL where it no longer fits the column's type."""
    path = literal(f'$."{name}"')
    if kind.family is Family.JSON:
        return f"json_extract({row}, {path})"
    if kind.family in {Family.ARRAY, Family.MAP, Family.STRUCT}:
        return f"try_cast(json_extract({row}, {path}) as {kind.name})"
    return f"try_cast(json_extract_string({row}, {path}) as {kind.name})"


def _identity(model: Pipeline, kinds: Mapping[str, SourceType]) -> dict[str, str]:
    own = _id_text(model.user_id, kinds)
    json = kinds.get(model.user_id.lower(), UNKNOWN).family is Family.JSON
    missing = "null, empty, or neither text nor a whole number" if json else "null or empty"
    fallback, kind, given, reason = "null::varchar", "'user_id'", own, f"{model.user_id} is {missing}"
    if model.fallback_id:
        fallback = _id_text(model.fallback_id, kinds)
        given = f"coalesce({own}, {fallback})"
        kind = f"case when {own} is null then 'fallback' else 'user_id' end"
        reason = f"{model.user_id} and {model.fallback_id} are {missing}"
    wrong = f"case when identity_id is null then {literal(reason)} end"
    return {"identity_id": given, "id_kind": kind, "fallback_id": fallback, "id_reason": wrong}


def _id_text(column: str, kinds: Mapping[str, SourceType]) -> str:
    name, kind = ident(column), kinds.get(column.lower(), UNKNOWN)
    if kind.family is Family.JSON:
        return f"stage.json_id({name})"
    if kind.family is Family.BYTES:
        return f"nullif(stage.bytes_text({name}), '')"
    return f"nullif({name}::varchar, '')"


def _time(model: Pipeline, kinds: Mapping[str, SourceType], now: str) -> dict[str, str]:
    if not model.updated_at:
        return {
            "time": f"timestamp {literal(now)}",
            "cursor_text": "null::varchar",
            "time_reason": "null::varchar",
        }
    name, kind = ident(model.updated_at), kinds.get(model.updated_at.lower(), UNKNOWN)
    parsed = instant(name, kind, model.updated_at_format)
    if kind.family is Family.JSON:
        spelled = f"{name}::varchar"
    elif kind.loose:
        spelled = f"coalesce({parsed}::varchar, {name})"
    else:
        spelled = text_of(name, kind) if needs_format(kind) else f"{parsed}::varchar"
    expected = model.updated_at_format if needs_format(kind) else "a time"
    null, wrong, early, late = (
        literal(f"{model.updated_at} is {what}") for what in ("null", f"not {expected}", "before 1900", "in the future")
    )
    reason = (
        f'case when updated_at is null then case when "cursor text" is null then {null} else {wrong} end '
        f"when updated_at < timestamp '1900-01-01' then {early} "
        f"when updated_at > timestamp {literal(now)} + interval 5 minute then {late} end"
    )
    return {"time": parsed, "cursor_text": spelled, "time_reason": reason}


def _accounts(model: Pipeline, kinds: Mapping[str, SourceType]) -> dict[str, str]:
    ids, name = "null::varchar[]", "null::varchar"
    if model.account_ids:
        column, kind = ident(model.account_ids), kinds.get(model.account_ids.lower(), UNKNOWN)
        if kind.family is Family.JSON:
            elements = f"json_extract_string({column}, '$[*]')"
            given = (
                f"case json_type({column}) when 'ARRAY' then {elements} else [json_extract_string({column}, '$')] end"
            )
        elif kind.family is Family.TEXT:
            # Where a source has no arrays, they are json written as text.
            array = f"{column}::varchar like '[%' and json_valid({column}::varchar)"
            elements = f"json_extract_string({column}::varchar, '$[*]')"
            given = f"case when {array} then {elements} else [{column}::varchar] end"
        else:
            given = f"{column}::varchar[]" if kind.family is Family.ARRAY else f"[{column}::varchar]"
        present = f"list_filter({given}, lambda account: account <> '')"
        ids = f"nullif(list_sort(list_distinct({present})), [])"
    if model.account_name:
        name = f"nullif({ident(model.account_name)}::varchar, '')"
    return {"account_ids": ids, "account_name": name}
