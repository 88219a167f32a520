"""SQL text from values: names, literals, and the `.sql` templates beside the code that runs them."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlglot import exp

DIALECT = "duckdb"


def ident(name: str) -> str:
    """A name as a quoted identifier."""
    return exp.to_identifier(name, quoted=True).sql(dialect=DIALECT)


def literal(value: Any) -> str:
    """A value as a literal: text, a number, a boolean, null, or a list of those."""
    return exp.convert(value).sql(dialect=DIALECT)


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=PackageLoader(package, "sql"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,
    )
    environment.filters |= {"ident": ident, "literal": literal}
    return environment


def template(package: str, name: str, **values: Any) -> str:
    """The SQL of `<package>/sql/<name>.sql` with its values; names and literals are quoted by its filters."""
    return _environment(package).get_template(f"{name}.sql").render(values).strip()


def statements(package: str, name: str, **values: Any) -> list[str]:
    """The statements of a template, which end in a semicolon at the end of a line."""
    parts = template(package, name, **values).split(";\n")
    return [part.strip().removesuffix(";") for part in parts if part.strip()]
