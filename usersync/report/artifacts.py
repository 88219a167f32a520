"""What a build did and what the project is, as JSON in `target/`: versioned, in stable order, without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import usersync
from usersync.build.results import BuildResult
from usersync.compile.pipeline import Compiled
from usersync.compile.sql import DIALECT
from usersync.project.model import Project
from usersync.report.diagnostics import as_data
from usersync.report.redaction import redact_data

RUN_RESULTS_VERSION = 1
MANIFEST_VERSION = 1


def write_json(path: Path, data: Mapping[str, Any], secrets: Iterable[str] = ()) -> None:
    """Writes an artifact whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(redact_data(data, frozenset(secrets)), indent=2, ensure_ascii=False)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def run_results(result: BuildResult) -> dict[str, Any]:
    """The content of `run_results.json`."""
    return {
        "version": RUN_RESULTS_VERSION,
        "usersync_version": usersync.__version__,
        "run_id": result.run_id,
        "started_at": result.started_at,
        "seconds": round(result.seconds, 3),
        "outcome": result.outcome.value,
        "exit_code": result.exit_code,
        "written": result.written,
        "pipelines": [
            {
                "pipeline": p.pipeline,
                "connection": p.connection,
                "outcome": p.outcome.value,
                "full_import": p.full_import,
                "read": p.read,
                "unchanged": p.unchanged,
                "inserted": p.inserted,
                "updated": p.updated,
                "deleted": p.deleted,
                "rejected": p.rejected,
                "duplicates": p.duplicates,
                "seconds": {stage: round(seconds, 6) for stage, seconds in sorted(p.seconds.items())},
                "errors": [as_data(d) for d in p.diagnostics],
            }
            for p in result.pipelines
        ],
        "users": asdict(result.users),
        "tests": [{"test": t.name, "failures": t.failures} for t in result.tests],
        "warnings": [as_data(d) for d in result.warnings],
    }


def manifest(project: Project, compiled: Mapping[str, Compiled]) -> dict[str, Any]:
    """The content of `manifest.json`: properties, settings and pipelines."""
    users = project.users
    return {
        "version": MANIFEST_VERSION,
        "usersync_version": usersync.__version__,
        "target": project.profile.target if project.profile else None,
        "connections": {
            name: {"type": connection.type}
            for name, connection in sorted((project.profile.connections if project.profile else {}).items())
        },
        "users": {
            "identifiers": list(users.identifiers),
            "primary_sources": dict(sorted(users.primary_sources.items())),
            "properties": [
                {
                    "path": leaf.path,
                    "column": leaf.column,
                    "type": str(leaf.type),
                    "description": leaf.description,
                }
                for leaf in users.leaves
            ],
        }
        if users
        else None,
        "pipelines": {stem: _pipeline(compiled[stem]) for stem in sorted(compiled) if stem in project.pipelines},
    }


def _pipeline(compiled: Compiled) -> dict[str, Any]:
    model = compiled.model
    return {
        "name": model.name,
        "path": model.file.path,
        "connection": model.connection,
        "user_id": model.user_id,
        "updated_at": model.updated_at,
        "incremental": model.incremental,
        "write": model.write,
        "tags": list(model.tags),
        "description": model.description,
        "owner": model.owner,
        "columns": list(compiled.columns) if compiled.columns is not None else None,
        "mapping": {
            m.target.path: m.tree.sql(dialect=DIALECT, comments=False)
            for m in sorted(compiled.mapped, key=lambda m: m.target.path)
        },
        "definition_hash": compiled.definition_hash,
    }
