"""`-- noqa`: comments that silence findings, read from files as they are written."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from sqlglot.dialects.dialect import Dialect

from usersync.diagnostics import Diagnostic, Edit, Level, SourceFile, did_you_mean
from usersync.lint.rules import RULES

UNUSED = "US901"
UNREADABLE = frozenset({"US001", "US002"})
"""What keeps a file from being checked at all: only a comment that names these codes silences them."""


@dataclass(frozen=True, slots=True)
class Noqa:
    """One comment that silences findings."""

    file: SourceFile
    span: tuple[int, int]
    """Offsets of the comment, without words that stand before it: `-- old -- noqa` begins at the second `--`."""
    said: tuple[int, int]
    """Offsets of `noqa` and its codes; what follows is the reason."""
    lines: range | None
    """The lines that it is about; None for the whole file."""
    codes: tuple[str, ...] | None
    """As written, ours in upper case; None silences every rule."""

    @property
    def own(self) -> tuple[str, ...]:
        """Codes of ours: others are another linter's."""
        return tuple(code for code in self.codes or () if _OWN.fullmatch(code))

    def silences(self, finding: Diagnostic) -> bool:
        """Whether it is about the line and the code of a finding."""
        at = finding.location
        if at is None or at.file != self.file.path or (self.lines is not None and at.line not in self.lines):
            return False
        return finding.code not in UNREADABLE if self.codes is None else finding.code in self.codes


@dataclass
class Silence:
    """What is left of a run's findings, and which comments did nothing."""

    kept: list[Diagnostic] = field(default_factory=list)
    used: dict[Noqa, set[str]] = field(default_factory=lambda: defaultdict(set))


def silenced(findings: Iterable[Diagnostic], comments: Mapping[str, tuple[Noqa, ...]]) -> Silence:
    """Findings that no comment silences, and the codes that each comment silenced.

    Args:
        findings: All of a run.
        comments: Of each file, by its path.
    """
    silence = Silence()
    for finding in findings:
        path = finding.location.file if finding.location else ""
        heard = [noqa for noqa in comments.get(path, ()) if noqa.silences(finding)]
        for noqa in heard:
            silence.used[noqa].add(finding.code)
        if not heard:
            silence.kept.append(finding)
    return silence


def unused(noqa: Noqa, used: set[str], known: Iterable[str]) -> Diagnostic | None:
    """The finding of a comment that does nothing, in whole or in part; None where all of it is needed.

    Args:
        noqa: The comment.
        used: The codes that it silenced.
        known: The codes whose rules ran: of others nobody knows.
    """
    if (noqa.codes is None and used) or (noqa.codes is not None and not noqa.own):
        return None
    ran = set(known)
    idle = tuple(c for c in noqa.own if c not in used and c != UNUSED and (c in ran or c not in RULES))
    if noqa.codes is not None and not idle:
        return None
    where = noqa.file.location(noqa.said[0], noqa.said[1] - noqa.said[0])
    wrong = next((code for code in idle if code not in RULES), None)
    if wrong:
        message, hint = f"noqa: there is no rule {wrong}", did_you_mean(wrong, RULES)
    elif noqa.codes is None:
        message, hint = "noqa silences nothing here", "if it is for another linter, name that one's codes"
    else:
        message, hint = f"noqa: {', '.join(idle)} is not found here", None
    return Diagnostic(UNUSED, message, where, hint, Level.WARNING, (_without(noqa, idle),))


def _without(noqa: Noqa, idle: tuple[str, ...]) -> Edit:
    """The edit that takes codes out of a comment, or the comment away where nothing is left."""
    text, path = noqa.file.text, noqa.file.path
    left = [code for code in noqa.codes or () if code not in idle]
    if left:
        start, end = noqa.said
        word = text.lower().index("noqa", start) + len("noqa")
        return Edit(path, word, end, f": {', '.join(left)}")
    start, end = noqa.span
    blank = len(text[:start].rstrip(" \t"))
    if text[end : end + 1] not in {"", "\n"}:
        apart = text[start - 1 : start].isspace() or text[end].isspace()
        return Edit(path, start, end, "" if apart else " ")
    # A comment with a line of its own takes the line with it.
    own_line = text[blank - 1 : blank] in {"", "\n"}
    return Edit(path, blank, min(end + own_line, len(text)), "")


_OWN = re.compile(r"US\d+", re.IGNORECASE)
_CODE = r"[\w.=]+"
_NOQA = re.compile(
    r"(?P<opener>--|/\*|\{#[-+]?)\s*"
    rf"(?P<said>(?P<whole>usersync:\s*)?noqa(?![\w-])(?:\s*:\s*(?P<codes>{_CODE}(?:\s*,\s*{_CODE}|\s+US\d{{3}}\b)*)?)?)",
    re.IGNORECASE,
)
# What is not closed goes on to the end, so that reading takes one pass.
_JINJA_TEXT = r"""'(?:\\.|[^'\\])*+(?:'|\Z)|"(?:\\.|[^"\\])*+(?:"|\Z)"""
_TAG = (
    rf"\{{\{{(?>{_JINJA_TEXT}|(?!\}}\}}).)*+(?:\}}\}}|\Z)"
    rf"|\{{%(?>{_JINJA_TEXT}|(?!%\}}).)*+(?:%\}}|\Z)"
    r"|\{#(?>(?!#\}).)*+(?:#\}|\Z)"
)


@cache
def _lexer(backslash: bool) -> re.Pattern[str]:
    """Comments, tags and strings of a template, each as a whole: comments inside strings are none."""
    escaped = r"\\.|" if backslash else ""
    quoted = "|".join(rf"{quote}(?>{_TAG}|{escaped}[^{quote}])*+(?:{quote}|\Z)" for quote in "'\"`")
    return re.compile(
        rf"(?P<jinja>\{{#.*?(?:#\}}|\Z))|(?P<tag>{_TAG})"
        rf"|(?P<line>--(?>{_TAG}|[^\n])*+)|(?P<block>/\*.*?(?:\*/|\Z))"
        rf"|{quoted}|\$(?P<dollar>[A-Za-z_]*)\$.*?\$(?P=dollar)\$",
        re.DOTALL,
    )


def comments(file: SourceFile, dialect: str = "duckdb") -> tuple[Noqa, ...]:
    """Every comment of a file that silences findings, in order.

    Args:
        file: A template: SQL with Jinja.
        dialect: sqlglot's name of its SQL dialect; an unknown one is read like DuckDB.
    """
    if "noqa" not in file.text.lower():
        return ()
    return tuple(_comments(file, _lexer(_escapes(dialect))))


def _escapes(dialect: str) -> bool:
    """Whether a backslash in a string is an escape."""
    found = Dialect.get(dialect.lower())
    return found is not None and "\\" in found.tokenizer_class.STRING_ESCAPES


def _comments(file: SourceFile, lexer: re.Pattern[str]) -> Iterator[Noqa]:
    tag = range(0)
    for match in lexer.finditer(file.text):
        if match["tag"]:
            tag = range(file.location(match.start()).line, file.location(match.end()).line + 1)
        elif match["jinja"] or match["line"] or match["block"]:
            found = _noqa(file, match)
            if found:
                yield _about(found, tag)


def _noqa(file: SourceFile, comment: re.Match[str]) -> Noqa | None:
    find = _NOQA.search if comment["line"] else _NOQA.match
    found = find(file.text, comment.start(), comment.end())
    if found is None or (found["whole"] and not comment["jinja"]):
        return None
    line = file.location(found.start("said")).line
    return Noqa(
        file,
        (found.start(), comment.end()),
        found.span("said"),
        None if found["whole"] else range(line, line + 1),
        _codes(found["said"], found["codes"]),
    )


def _codes(said: str, listed: str | None) -> tuple[str, ...] | None:
    if listed is None:
        return () if said.rstrip().endswith(":") else None
    parts = re.split(r"[\s,]+", listed)
    return tuple(part.upper() if _OWN.fullmatch(part) else part for part in parts)


def _about(noqa: Noqa, tag: range) -> Noqa:
    """A tag takes no comment inside, so one behind it is about all of its lines."""
    if noqa.lines and tag and tag[-1] == noqa.lines[0]:
        return replace(noqa, lines=range(tag[0], tag[-1] + 1))
    return noqa
