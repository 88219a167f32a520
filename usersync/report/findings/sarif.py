"""Findings as SARIF 2.1.0, which GitHub, GitLab and editors read."""

from __future__ import annotations

import inspect
import json
from typing import Any
from urllib.parse import quote

from usersync import __version__
from usersync.diagnostics import Diagnostic, Edit, Level
from usersync.lint.rule import Rule
from usersync.lint.rules import RULES
from usersync.report.findings.report import Report, with_hint

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}
_ROOT = "%SRCROOT%"


def sarif(report: Report) -> str:
    """One run with all rules and every finding."""
    driver = {"name": "usersync", "semanticVersion": __version__, "rules": [_rule(rule) for rule in RULES.values()]}
    results = [_result(report, *each) for each in zip(report.findings, report.fingerprints, strict=True)]
    # The columns of a place count code points, as those of its line do.
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(rule: Rule) -> dict[str, Any]:
    words = inspect.cleandoc(rule.explanation)
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": words.partition("\n")[0]},
        "fullDescription": {"text": words},
        "help": {"text": words},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _result(report: Report, finding: Diagnostic, fingerprint: str) -> dict[str, Any]:
    at = finding.location
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": _LEVELS[finding.level],
        "message": {"text": with_hint(finding)},
        "partialFingerprints": {"usersync/v1": fingerprint},
    }
    if finding.code in RULES:
        result["ruleIndex"] = list(RULES).index(finding.code)
    if at:
        region: dict[str, Any] = _region(at.line, at.column, at.line, at.column + at.length)
        region["snippet"] = {"text": at.text}
        place = {"artifactLocation": _artifact(report.path(at.file)), "region": region}
        result["locations"] = [{"physicalLocation": place}]
    changes = [change for edit in finding.fix if (change := _change(report, edit))]
    if changes:
        result["fixes"] = [{"artifactChanges": changes}]
    return result


def _artifact(path: str) -> dict[str, str]:
    return {"uri": quote(path, errors="replace"), "uriBaseId": _ROOT}


def _region(line: int, column: int, end_line: int, end_column: int) -> dict[str, Any]:
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _change(report: Report, edit: Edit) -> dict[str, Any] | None:
    place = report.place(edit)
    if place is None:
        return None
    path, start, end = place
    deleted = _region(start.line, start.column, end.line, end.column)
    replacement = {"deletedRegion": deleted, "insertedContent": {"text": edit.text}}
    return {"artifactLocation": _artifact(path), "replacements": [replacement]}
