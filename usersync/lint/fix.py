"""`--fix`: makes the edits that findings carry, as long as nothing else breaks."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from usersync.diagnostics import Diagnostic, Edit, Level
from usersync.lint.rewrite import Text, write_whole
from usersync.lint.run import lint, reported
from usersync.lint.settings import LintSettings
from usersync.project.model import Project

ROUNDS = 10
"""How often fixes are made that earlier ones made possible."""
RUNS = 200
"""How often a project is checked again at most, to find the fixes that would make errors."""

Load = Callable[[Mapping[str, str]], Project]
"""Loads the project with some texts in place of its files."""


@dataclass
class Fixed:
    """A project with its fixes, none of them written."""

    project: Project
    """As it is with the fixes."""
    findings: list[Diagnostic]
    """What is left."""
    mended: list[Diagnostic] = field(default_factory=list)
    """What is mended, by place of the time when it was."""
    before: dict[str, Text] = field(default_factory=dict)
    """The texts of the changed files as they were, by path."""
    after: dict[str, Text] = field(default_factory=dict)

    def write(self) -> None:
        """Writes the changed files, each whole or not at all.

        Raises:
            OSError: one cannot be written.
        """
        for path, text in self.after.items():
            write_whole(self.project.root / path, text.data)

    def diff(self) -> str:
        """What would be written, as `git apply` reads it."""
        return "".join(line for path in sorted(self.after) for line in _diff(path, self.before[path], self.after[path]))


@dataclass
class _Fixer:
    load: Load
    files: Collection[str] | None
    settings: LintSettings
    state: Fixed
    errors: Counter[tuple[str, str, str]]
    """The errors that the whole project has."""
    refused: set[tuple[str, ...]] = field(default_factory=set)
    """Findings whose fix would make an error."""

    def chosen(self) -> list[Diagnostic]:
        """The findings that can be mended together: no two of their edits touch."""
        taken: dict[str, list[Edit]] = {}
        found = []
        for finding in self.state.findings:
            if finding.fix and _key(finding) not in self.refused and all(self._fits(e, taken) for e in finding.fix):
                found.append(finding)
                for edit in finding.fix:
                    taken.setdefault(edit.file, []).append(edit)
        return found

    def _fits(self, edit: Edit, taken: Mapping[str, Sequence[Edit]]) -> bool:
        source = self.state.project.files.get(edit.file)
        if source is None or not 0 <= edit.start <= edit.end <= len(source.text):
            return False
        reported = self.files is None or edit.file in self.files
        return reported and not any(_touch(edit, other) for other in taken.get(edit.file, ()))

    def texts(self, findings: Iterable[Diagnostic]) -> dict[str, Text]:
        """The changed files with the edits of some findings made."""
        edits: dict[str, set[Edit]] = {}
        for finding in findings:
            for edit in finding.fix:
                edits.setdefault(edit.file, set()).add(edit)
        return self.state.after | {path: self.text(path).edited(each) for path, each in edits.items()}

    def text(self, path: str) -> Text:
        """A file as it is with the fixes so far."""
        if path in self.state.after:
            return self.state.after[path]
        if path not in self.state.before:
            self.state.before[path] = Text.of((self.state.project.root / path).read_bytes())
        return self.state.before[path]

    def attempt(self, findings: Sequence[Diagnostic]) -> bool:
        """Mends some findings, unless that makes an error that was not there."""
        texts = self.texts(findings)
        project = self.load({path: text.raw for path, text in texts.items()})
        found = lint(project, None, self.settings)
        errors = _errors(found)
        if errors - self.errors:
            return False
        self.errors = errors
        self.state.project, self.state.after = project, texts
        self.state.findings = reported(found, self.files)
        self.state.mended += findings
        return True


def fixed(
    project: Project,
    load: Load,
    settings: LintSettings,
    files: Collection[str] | None = None,
    given: Mapping[str, Text] | None = None,
) -> Fixed:
    """A project with all fixes made that make no new error. Nothing is written.

    Args:
        project: As loaded.
        load: Loads it again, with the texts of some files given.
        settings: Which rules run.
        files: The only files to report on and to change; None for all.
        given: Texts that stand for files already.
    """
    found = lint(project, None, settings)
    state = Fixed(project, reported(found, files), before=dict(given or {}))
    fixer = _Fixer(load, files, settings, state, _errors(found))
    most, accepted = len(state.findings), 0
    for _ in range(RUNS):
        findings = fixer.chosen()[: max(1, most)]
        if not findings or accepted == ROUNDS * (1 + len(fixer.refused)):
            break
        if fixer.attempt(findings):
            most, accepted = len(state.findings), accepted + 1
        elif len(findings) == 1:
            fixer.refused.add(_key(findings[0]))
            most = len(state.findings)
        else:
            # One of them is to blame: half of them find it sooner than each alone.
            most = len(findings) // 2
    return state


def _touch(one: Edit, other: Edit) -> bool:
    if one == other:
        return False
    first, second = sorted((one, other), key=lambda e: (e.start, e.end))
    return first.start == second.start or first.end > second.start


def _key(finding: Diagnostic) -> tuple[str, ...]:
    at = finding.location
    return (finding.code, finding.message, at.file if at else "", at.text if at else "")


def _errors(findings: Iterable[Diagnostic]) -> Counter[tuple[str, str, str]]:
    """Errors without their lines, which move."""
    return Counter(
        (f.code, f.message, f.location.file if f.location else "") for f in findings if f.level is Level.ERROR
    )


def _diff(path: str, before: Text, after: Text) -> Iterator[str]:
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: Text) -> list[str]:
    *lines, last = text.data.decode().split("\n")
    return [f"{line}\n" for line in lines] + ([last] if last else [])
