"""An analyst's project in a temporary folder, and the command line run on it in this process."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from usersync.cli.main import run
from usersync.diagnostics import Diagnostic, Level
from usersync.lint.run import lint
from usersync.project.load import Settings, load_project
from usersync.project.model import Project


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both streams."""
        return self.stdout + self.stderr


@dataclass(frozen=True)
class Workspace:
    """A project folder. Its profile has one target, `dev`."""

    root: Path

    def write(self, path: str, text: str) -> Path:
        """Writes a file of the project."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def profile(self, connections: dict[str, dict[str, object]], **warehouse: object) -> None:
        """Writes profiles.yml. JSON is YAML too, and quotes everything right."""
        output = {
            "warehouse": {"type": "duckdb", "path": "target/warehouse.duckdb"} | warehouse,
            "connections": connections,
        }
        self.write("profiles.yml", json.dumps({"test": {"target": "dev", "outputs": {"dev": output}}}))

    def users(self, columns: str = "email varchar(254), name varchar(100)", **settings: object) -> None:
        """Writes users.sql; settings are those of `users()`, as Python literals."""
        listed = ", ".join(f"{key} = {value!r}" for key, value in settings.items())
        self.write("models/users.sql", f"{{{{ users({listed}) }}}}\ncreate table users ({columns});\n")

    def model(self, stem: str, query: str, **config: object) -> None:
        """Writes a pipeline; settings are those of `config()`, as Python literals."""
        listed = ", ".join(f"{key} = {value!r}" for key, value in config.items())
        self.write(f"models/{stem}.sql", f"{{{{ config({listed}) }}}}\n{query}\n")

    def run(self, *args: str) -> Outcome:
        """Runs a command on this project."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = run(["--project-dir", str(self.root), *args])
        return Outcome(code, stdout.getvalue(), stderr.getvalue())

    def build(self, *args: str, expect: int = 0) -> dict[str, Any]:
        """Builds, checks the exit code, and returns `run_results.json`."""
        outcome = self.run("build", *args)
        assert outcome.exit_code == expect, outcome.output
        found: dict[str, Any] = json.loads((self.root / "target/run_results.json").read_text())
        return found

    def load(self) -> Project:
        """The project as read."""
        return load_project(Settings(self.root))

    def findings(self) -> list[Diagnostic]:
        """What lint finds."""
        return lint(self.load())

    def errors(self) -> list[Diagnostic]:
        """What lint finds, warnings and mere notes left out."""
        return [finding for finding in self.findings() if finding.level is Level.ERROR]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the warehouse."""
        with duckdb.connect(str(self.root / "target/warehouse.duckdb"), read_only=True) as warehouse:
            return warehouse.execute(sql).fetchall()


def pipeline_of(results: dict[str, Any], name: str) -> dict[str, Any]:
    """A pipeline's entry in `run_results.json`."""
    found: dict[str, Any] = next(p for p in results["pipelines"] if p["pipeline"] == name)
    return found
