"""Printers of diagnostics: text for people, JSON for tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from usersync.diagnostics import Diagnostic, Level

Style = Callable[[str, str], str]
"""Colours a text as error, warning, info, place or hint; or leaves it."""

_MAX_LINE = 160


def plain(text: str, _: str) -> str:
    """No colours."""
    return text


def as_text(diagnostic: Diagnostic, style: Style = plain) -> str:
    """`error: file:line:column: message [code]`, the line with a caret, and the hint."""
    at = diagnostic.location
    where = style(f"{at.file}:{at.line}:{at.column}: ", "place") if at else ""
    code = f" [{diagnostic.code}]" if diagnostic.code.startswith("US") else ""
    lines = [f"{style(f'{diagnostic.level.value}:', diagnostic.level.value)} {where}{diagnostic.message}{code}"]
    if at and at.text.strip():
        lines += _excerpt(at.text, at.column, at.length, style, diagnostic.level)
    if diagnostic.hint:
        lines.append(f"  {style('hint:', 'hint')} {diagnostic.hint}")
    return "\n".join(lines)


def _excerpt(text: str, column: int, length: int, style: Style, level: Level) -> list[str]:
    start = max(0, column - 1 - _MAX_LINE // 2) if len(text) > _MAX_LINE else 0
    shown = text[start : start + _MAX_LINE]
    # Tabs stay tabs, so that the caret stands where a terminal shows the character.
    blank = "".join("\t" if char == "\t" else " " for char in text[start : column - 1])
    caret = "^" * max(1, min(length, len(shown) - len(blank)))
    return [f"  | {shown}", f"  | {blank}{style(caret, level.value)}"]


def as_data(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic for JSON; lines and columns count from 1."""
    at = diagnostic.location
    return {
        "code": diagnostic.code,
        "level": diagnostic.level.value,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "file": at.file if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
    }


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    levels = [d.level for d in diagnostics]
    parts = []
    for level in Level:
        count = levels.count(level)
        if count:
            word = level.value if level is Level.INFO else level.value + ("s" if count > 1 else "")
            parts.append(f"{count} {word}")
    return ", ".join(parts) or "no findings"
