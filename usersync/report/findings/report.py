"""What a printer of findings is given."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from usersync.diagnostics import Diagnostic, Edit, Level, Location, SourceFile
from usersync.lint.rules import RULES


@dataclass(frozen=True)
class Report:
    """The findings of a run, sorted."""

    findings: Sequence[Diagnostic]
    files: Sequence[str] = ()
    """The files that were checked, relative to the project."""
    sources: Mapping[str, SourceFile] = field(default_factory=dict)
    """Their texts, for the places of fixes."""
    folder: str = ""
    """The project's folder as CI names paths: empty, or `analytics/`."""
    fail_on: Level = Level.ERROR
    """Findings from this level up fail a run."""

    def path(self, file: str) -> str:
        """A file's path, relative to the folder in which CI runs."""
        return f"{self.folder}{file}"

    def place(self, edit: Edit) -> tuple[str, Location, Location] | None:
        """The path of an edit, and where it begins and ends; None in a file whose text is not known."""
        source = self.sources.get(edit.file)
        return (self.path(edit.file), source.location(edit.start), source.location(edit.end)) if source else None

    @property
    def fingerprints(self) -> list[str]:
        """What stays of each finding when lines move: of code, file, the line's text, and which of those it is."""
        seen: Counter[tuple[str, ...]] = Counter()
        found = []
        for finding in self.findings:
            at = finding.location
            key = (finding.code, at.file, " ".join(at.text.split())) if at else (finding.code, finding.message)
            seen[key] += 1
            said = "\0".join((*key, str(seen[key])))
            found.append(hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32])
        return found


def name_of(finding: Diagnostic) -> str:
    """The name of a finding's rule; of problems without a rule the code."""
    rule = RULES.get(finding.code)
    return rule.name if rule else finding.code


def with_hint(finding: Diagnostic) -> str:
    """What is wrong and what to do about it, for formats that have one text."""
    return f"{finding.message} ({finding.hint})" if finding.hint else finding.message
