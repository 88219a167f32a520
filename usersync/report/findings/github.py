"""Findings as workflow commands: GitHub shows them beside the changed lines."""

from __future__ import annotations

from usersync.diagnostics import Diagnostic, Level
from usersync.report.findings.report import Report, name_of, with_hint

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "notice"}


def github(report: Report) -> str:
    """One command a line."""
    return "\n".join(_command(report, finding) for finding in report.findings)


def _command(report: Report, finding: Diagnostic) -> str:
    at = finding.location
    place = {"file": report.path(at.file), "line": at.line} if at else {}
    columns = {"endLine": at.line, "col": at.column, "endColumn": at.column + at.length} if at else {}
    properties = place | columns | {"title": f"{finding.code} {name_of(finding)}"}
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.level]} {listed}::{_data(with_hint(finding))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
