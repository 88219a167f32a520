"""Findings as a Code Quality report of GitLab."""

from __future__ import annotations

import json

from usersync.diagnostics import Level
from usersync.report.findings.report import Report, with_hint

_SEVERITIES = {Level.ERROR: "major", Level.WARNING: "minor", Level.INFO: "info"}
_NOWHERE = "models/users.sql"
"""GitLab takes no finding without a file: what is not in one is mostly that this one is missing."""


def gitlab(report: Report) -> str:
    """A list of issues; a fingerprint stays the same while its line only moves."""
    issues = [
        {
            "description": f"{finding.code}: {with_hint(finding)}",
            "check_name": finding.code,
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[finding.level],
            "location": {
                "path": report.path(finding.location.file if finding.location else _NOWHERE),
                "lines": {"begin": finding.location.line if finding.location else 1},
            },
        }
        for finding, fingerprint in zip(report.findings, report.fingerprints, strict=True)
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False)
