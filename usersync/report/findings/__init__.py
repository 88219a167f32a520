"""Printers of lint's findings, one module a format."""

from collections.abc import Callable, Mapping

from usersync.report.findings.github import github
from usersync.report.findings.gitlab import gitlab
from usersync.report.findings.json import as_json
from usersync.report.findings.junit import junit
from usersync.report.findings.report import Report as Report
from usersync.report.findings.sarif import sarif

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "json": as_json,
    "sarif": sarif,
    "github": github,
    "gitlab": gitlab,
    "junit": junit,
}
"""Every format for programs, by its name; each ends without a line end."""
