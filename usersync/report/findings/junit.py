"""Findings as JUnit's XML: a suite a file, a test a finding; a file without findings is a test that passes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from usersync.diagnostics import Diagnostic, Level
from usersync.report.diagnostics import as_text
from usersync.report.findings.report import Report, name_of

_LEVELS = (Level.INFO, Level.WARNING, Level.ERROR)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """Findings from the failing level up are failures, others passed tests with an output."""
    found: dict[str, list[Diagnostic]] = {file: [] for file in report.files}
    for finding in report.findings:
        found.setdefault(finding.location.file if finding.location else "project", []).append(finding)
    failures = sum(_fails(report, finding) for finding in report.findings)
    tests = sum(max(1, len(findings)) for findings in found.values())
    root = ElementTree.Element("testsuites", name="usersync lint", tests=str(tests), failures=str(failures))
    for file, findings in sorted(found.items()):
        _suite(root, report, file, findings)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _fails(report: Report, finding: Diagnostic) -> bool:
    return _LEVELS.index(finding.level) >= _LEVELS.index(report.fail_on)


def _suite(root: ElementTree.Element, report: Report, file: str, findings: Sequence[Diagnostic]) -> None:
    path = _text(report.path(file))
    failures = str(sum(_fails(report, finding) for finding in findings))
    tests = str(max(1, len(findings)))
    suite = ElementTree.SubElement(root, "testsuite", name=path, tests=tests, failures=failures, errors="0")
    if not findings:
        ElementTree.SubElement(suite, "testcase", name="no findings", classname=path, file=path)
    for finding in findings:
        at = finding.location
        where = f" {at.line}:{at.column}" if at else ""
        name = f"{finding.code} {name_of(finding)}{where}"
        case = ElementTree.SubElement(suite, "testcase", name=name, classname=path, file=path)
        if at:
            case.set("line", str(at.line))
        _outcome(case, report, finding)


def _outcome(case: ElementTree.Element, report: Report, finding: Diagnostic) -> None:
    if _fails(report, finding):
        message = _text(finding.message)
        outcome = ElementTree.SubElement(case, "failure", type=finding.level.value, message=message)
    else:
        outcome = ElementTree.SubElement(case, "system-out")
    outcome.text = _text(as_text(finding))


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
