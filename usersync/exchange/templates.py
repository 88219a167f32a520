"""Text and values as they stand in model files, which are Jinja templates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_OPENING = re.compile(r"\{(?=[{%#])")
_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def template_text(text: str) -> str:
    """Text that renders as itself."""
    return _OPENING.sub("{{ '{' }}", text)


def blanked(text: str) -> str:
    """A template with blanks where Jinja's own parts stand: what is left keeps its place."""
    return _BLOCK.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def literal(value: Any) -> str:
    """A value as Jinja's literal."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "none"
        case str():
            return _string(value)
        case Mapping():
            return f"{{{', '.join(f'{literal(key)}: {literal(inner)}' for key, inner in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(literal(item) for item in value)}]"
    return str(value)


def _string(text: str) -> str:
    quote = '"' if "'" in text and '"' not in text else "'"
    escaped = "".join(_ESCAPES.get(char, char) for char in text).replace(quote, f"\\{quote}")
    return f"{quote}{escaped}{quote}"


def config_call(settings: Mapping[str, Any]) -> str:
    """`{{ config(…) }}`, a setting a line."""
    width = max(len(key) for key, value in settings.items() if not isinstance(value, Mapping))
    lines = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            lines.append(f"    {key} = {{\n{_entries(value)}\n    }},")
        else:
            lines.append(f"    {key.ljust(width)} = {literal(value)},")
    return "{{ config(\n" + "\n".join(lines) + "\n) }}"


def _entries(values: Mapping[str, Any]) -> str:
    keys = {key: f"{literal(key)}:" for key in values}
    width = max(map(len, keys.values()))
    return "\n".join(f"        {keys[key].ljust(width)} {literal(value)}," for key, value in values.items())
