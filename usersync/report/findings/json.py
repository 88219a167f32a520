"""Findings as one JSON list."""

from __future__ import annotations

import json
from typing import Any

from usersync.diagnostics import Diagnostic, Edit
from usersync.report.diagnostics import as_data
from usersync.report.findings.report import Report, name_of


def as_json(report: Report) -> str:
    """A list of findings; lines and columns count from 1, ends are behind the last character."""
    return json.dumps([_finding(report, finding) for finding in report.findings], indent=2, ensure_ascii=False)


def _finding(report: Report, finding: Diagnostic) -> dict[str, Any]:
    at = finding.location
    return {
        **as_data(finding),
        "name": name_of(finding),
        "end_column": at.column + at.length if at else None,
        "fix": [change for edit in finding.fix if (change := _change(report, edit))],
    }


def _change(report: Report, edit: Edit) -> dict[str, Any] | None:
    place = report.place(edit)
    if place is None:
        return None
    _, start, end = place
    return {
        "file": edit.file,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "text": edit.text,
    }
