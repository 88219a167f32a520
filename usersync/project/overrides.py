"""`models/overrides.csv`: reviewed decisions on which identities are one person, read, checked and added to."""

from __future__ import annotations

import codecs
import os
import re
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, cast, get_args

from usersync.diagnostics import ConfigError, Diagnostic, Level, SourceFile, did_you_mean

OVERRIDES = "models/overrides.csv"
COLUMNS = ("decision", "identity", "other", "who", "why", "when")
HEADER = ",".join(COLUMNS)

Kind = Literal["link", "unlink"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_CODE = "US405"
_CELL = re.compile(r'[ \t]*(?:"((?:[^"]|"")*)"|((?!")[^,\n]*?))[ \t]*(,|\n|\Z)')


@dataclass(frozen=True, slots=True)
class IdentityRef:
    """The name of an identity: its pipeline, and its user id or fallback id there."""

    pipeline: str
    identity_id: str

    def __str__(self) -> str:
        return f"{self.pipeline}:{self.identity_id}"


@dataclass(frozen=True, slots=True)
class Decision:
    """That two identities are one person, or never are."""

    kind: Kind
    identity: IdentityRef
    other: IdentityRef
    who: str = ""
    why: str = ""
    when: str = ""
    """In UTC, as ISO 8601."""
    line: int = 0
    """Where it stands in the file."""

    @property
    def pair(self) -> frozenset[IdentityRef]:
        """The two, in no order."""
        return frozenset((self.identity, self.other))


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    offset: int


def read_overrides(file: SourceFile, pipelines: Collection[str]) -> tuple[tuple[Decision, ...], list[Diagnostic]]:
    """The decisions of the file, each once, and what is wrong in it.

    Args:
        file: As read.
        pipelines: Names of the project's pipelines; a decision on another's identity is a warning.
    """
    problems: list[Diagnostic] = []
    lines = [cells for cells in _rows(file, problems) if any(cell.text for cell in cells)]
    if problems or not lines:
        return (), problems
    if tuple(cell.text.lower() for cell in lines[0]) != COLUMNS:
        message = f"the first line is not the header of {OVERRIDES}"
        return (), [Diagnostic(_CODE, message, file.location(lines[0][0].offset), f"it is: {HEADER}")]
    found: dict[tuple[Kind, frozenset[IdentityRef]], Decision] = {}
    for cells in lines[1:]:
        decision, wrong = _decision(file, cells, pipelines)
        problems += wrong
        if decision:
            found.setdefault((decision.kind, decision.pair), decision)
    decisions = tuple(found.values())
    return decisions, problems + list(_conflicts(file, decisions))


def _rows(file: SourceFile, problems: list[Diagnostic]) -> Iterator[list[_Cell]]:
    """The cells of every line with their places, which Python's own reader of CSV does not tell."""
    cells: list[_Cell] = []
    at = 0
    while at < len(file.text):
        found = _CELL.match(file.text, at)
        if found is None:
            problems.append(
                _error(file, _Cell("", at), "the quotes do not close", 'a quote inside is written twice: ""')
            )
            return
        quoted, bare, end = found.groups()
        cells.append(
            _Cell(bare if quoted is None else quoted.replace('""', '"'), found.start(2 if quoted is None else 1))
        )
        at = found.end()
        if end != ",":
            yield cells
            cells = []
    if cells:
        yield [*cells, _Cell("", at)]


def _decision(
    file: SourceFile, cells: list[_Cell], pipelines: Collection[str]
) -> tuple[Decision | None, list[Diagnostic]]:
    if len(cells) != len(COLUMNS):
        many = f"{len(cells)} column{'' if len(cells) == 1 else 's'} where there are {len(COLUMNS)}"
        return None, [_error(file, cells[0], many, f"a line is: {HEADER}")]
    kind, *named, who, why, when = cells
    problems = []
    if kind.text not in KINDS:
        hint = did_you_mean(kind.text, KINDS)
        problems.append(_error(file, kind, f"there is no decision {kind.text!r}", hint))
    for cell in named:
        problems += _wrong_reference(file, cell, pipelines)
    if when.text and not _is_time(when.text):
        hint = "write it as 2026-11-21T10:00:00Z"
        problems.append(_error(file, when, f"{when.text!r} is not a time", hint, Level.WARNING))
    if any(problem.level is Level.ERROR for problem in problems):
        return None, problems
    identity, other = (reference(cell.text) for cell in named)
    if identity == other:
        return None, [_error(file, named[1], f"{other} is on both sides", "a decision is about two identities")]
    line = file.location(kind.offset).line
    return Decision(cast(Kind, kind.text), identity, other, who.text, why.text, when.text, line), problems


def reference(text: str) -> IdentityRef:
    """The reference that a text is: `pipeline:identity_id`, split at its first colon."""
    pipeline, _, identity_id = text.partition(":")
    return IdentityRef(pipeline, identity_id)


def _wrong_reference(file: SourceFile, cell: _Cell, pipelines: Collection[str]) -> Iterator[Diagnostic]:
    pipeline, _, identity_id = cell.text.partition(":")
    if not (pipeline and identity_id):
        yield _error(file, cell, f"{cell.text!r} names no identity", "write pipeline:identity_id, as crm_customers:42")
    elif pipeline not in pipelines:
        # Its identities may be gone by now, and the decision with them.
        yield _error(file, cell, f"there is no pipeline {pipeline!r}", did_you_mean(pipeline, pipelines), Level.WARNING)


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text) is not None
    except ValueError:
        return False


def _conflicts(file: SourceFile, decisions: tuple[Decision, ...]) -> Iterator[Diagnostic]:
    parted = {decision.pair: decision.line for decision in decisions if decision.kind == "unlink"}
    for decision in decisions:
        if decision.kind == "link" and decision.pair in parted:
            message = f"this link does not count: line {parted[decision.pair]} is an unlink of the same two"
            yield _error(
                file, _Cell("link", file.offset(decision.line)), message, "remove one of the lines", Level.WARNING
            )


def _error(
    file: SourceFile, cell: _Cell, message: str, hint: str | None = None, level: Level = Level.ERROR
) -> Diagnostic:
    return Diagnostic(_CODE, message, file.location(cell.offset, max(1, len(cell.text))), hint, level)


def append_decision(root: Path, decision: Decision) -> int:
    """Adds a line to models/overrides.csv, which is made when it is missing; all others stay byte for byte.

    Args:
        root: The project's folder.
        decision: What to add; its `line` is not looked at.

    Returns:
        The line where it stands now.

    Raises:
        ConfigError: the file cannot be written.
    """
    path = (root / OVERRIDES).resolve()
    try:
        before = _ready(path.read_bytes() if path.exists() else b"")
        # Written beside and then renamed: whoever reads it meets the old file or the new one.
        new = path.with_name(f"{path.name}.new")
        with new.open("wb") as file:
            file.write(before + _line(decision, _newline(before)))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, new)
        new.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {OVERRIDES}: {error.strerror}") from None
    return len(re.findall(rb"\r\n|\r|\n", before)) + 1


def _ready(text: bytes) -> bytes:
    """What is there already, with a header and a last line that ends."""
    if not text.removeprefix(codecs.BOM_UTF8).strip():
        return text + HEADER.encode() + _newline(text)
    return text if text.endswith((b"\n", b"\r")) else text + _newline(text)


def _newline(text: bytes) -> bytes:
    return b"\r\n" if b"\r\n" in text else b"\n"


def _line(decision: Decision, newline: bytes) -> bytes:
    cells = (decision.kind, str(decision.identity), str(decision.other), decision.who, decision.why, decision.when)
    return ",".join(map(_written, cells)).encode() + newline


def _written(text: str) -> str:
    """A cell as CSV, quoted where it must be."""
    plain = text == text.strip() and not re.search(r'[",\r\n]', text)
    return text if plain else '"' + text.replace('"', '""') + '"'
