"""What commands say: data on stdout, everything else on stderr, in text or as JSON lines, without secrets."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from usersync.report.redaction import redact, redact_data

if TYPE_CHECKING:
    from usersync.diagnostics import Diagnostic
    from usersync.project.model import Project

_COLOURS = {"error": "red", "warning": "yellow", "info": "blue", "hint": "cyan", "done": "green"}


class Console:
    """One command's voice. `settings` holds the global options as given."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self._secrets: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    @property
    def quiet(self) -> bool:
        """Whether only errors are said."""
        return bool(self.settings.get("quiet"))

    @property
    def json_log(self) -> bool:
        """Whether messages are JSON lines."""
        return self.settings.get("log_format") == "json"

    @property
    def lively(self) -> bool:
        """Whether progress can move on the screen: a terminal that wants text."""
        return sys.stderr.isatty() and not self.quiet and not self.json_log and os.environ.get("TERM") != "dumb"

    def coloured(self, stream: Any) -> bool:
        """Whether a stream is a terminal that wants colours."""
        return stream.isatty() and not self.settings.get("no_color") and not os.environ.get("NO_COLOR")

    def load(self, *, lenient: bool = False, overlay: dict[str, str] | None = None) -> Project:
        """The project of the global options; its secrets are kept out of all that is said from now on."""
        from usersync.cli.options import project_settings
        from usersync.project.load import load_project

        project = load_project(project_settings(self.settings), lenient=lenient, overlay=overlay)
        self._secrets = project.profile.secrets if project.profile else frozenset()
        return project

    @property
    def secrets(self) -> frozenset[str]:
        """Values that no output may show."""
        return self._secrets

    def style(self, text: str, kind: str) -> str:
        """A text in the colour of its kind, where stderr shows colours."""
        return self._styled(text, kind) if self.coloured(sys.stderr) else text

    def style_data(self, text: str, kind: str) -> str:
        """A text in the colour of its kind, where stdout shows colours."""
        return self._styled(text, kind) if self.coloured(sys.stdout) else text

    def _styled(self, text: str, kind: str) -> str:
        return click.style(text, fg=_COLOURS.get(kind), bold=kind in {"place", "error"})

    def data(self, text: str) -> None:
        """Writes a command's result to stdout."""
        click.echo(self.clean(text), color=self.coloured(sys.stdout))

    def data_json(self, value: Any) -> None:
        """Writes a command's result to stdout as JSON."""
        click.echo(json.dumps(redact_data(value, self._secrets), indent=2, ensure_ascii=False))

    def note(self, text: str, *, always: bool = False, **fields: Any) -> None:
        """Says something on stderr; fields go along in a JSON log."""
        if self.quiet and not always:
            return
        with self._lock:
            if self.json_log:
                self._log({"level": "info", "message": click.unstyle(text), **fields})
            else:
                click.echo(self.clean(text), err=True, color=self.coloured(sys.stderr))

    def problems(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Says what is wrong on stderr: errors always, the rest unless quiet."""
        from usersync.diagnostics import Level
        from usersync.report.diagnostics import as_data, as_text

        for diagnostic in diagnostics:
            if self.quiet and diagnostic.level is not Level.ERROR:
                continue
            with self._lock:
                if self.json_log:
                    self._log(as_data(diagnostic))
                else:
                    text = self.clean(as_text(diagnostic, self.style))
                    click.echo(text, err=True, color=self.coloured(sys.stderr))

    def usage_error(self, error: click.ClickException) -> None:
        """Says what is wrong with the call."""
        context = getattr(error, "ctx", None)
        if context is not None:
            click.echo(context.get_usage(), err=True)
        click.echo(f"{self.style('error:', 'error')} {self.clean(error.format_message())}", err=True)

    def leave_now(self, code: int) -> None:
        """Ends the process at once where a thread still waits on a source: nothing is open that could be lost."""
        if threading.active_count() > 1:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _log(self, fields: dict[str, Any]) -> None:
        click.echo(json.dumps(redact_data(fields, self._secrets)), err=True)

    def clean(self, text: str) -> str:
        """A text without secrets."""
        return redact(text, self._secrets)
