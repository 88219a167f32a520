"""Explanations for programs: plain dictionaries and lists, whose keys are documented in docs/identity.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from usersync.project.overrides import Decision
from usersync.report.explain.values import (
    Comparison,
    Explanation,
    Member,
    Origin,
    Ruling,
    Source,
    Step,
    Subject,
    Withheld,
)


def as_data(found: Explanation | Comparison) -> dict[str, Any]:
    """An explanation as JSON has it."""
    return _explanation(found) if isinstance(found, Explanation) else _comparison(found)


def _explanation(found: Explanation) -> dict[str, Any]:
    return {
        **_subject(found.subject),
        "left_out": found.subject.identity_count - len(found.steps),
        "identities": [_identity(step.member) for step in found.steps],
        "chain": _chain(found.steps),
        "withheld": [_withheld(value) for value in found.withheld],
        "decisions": [_ruling(ruling) for ruling in found.rulings],
        "properties": [_origin(origin) for origin in found.origins],
        "settings_current": found.current,
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    return {
        "same": found.same,
        "one": _subject(found.one),
        "other": _subject(found.other),
        "identities": [_identity(step.member) for step in found.path],
        "chain": _chain(found.path),
        "withheld": [_withheld(value) for value in found.withheld],
        "decisions": [_ruling(ruling) for ruling in found.rulings],
        "settings_current": found.current,
    }


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "user_id": subject.user_id,
        "past": [asdict(change) for change in subject.past],
        "identity_count": subject.identity_count,
    }


def _identity(member: Member) -> dict[str, Any]:
    return {
        "identity": member.name,
        "pipeline": member.pipeline,
        "connection": member.connection,
        "identity_id": member.identity_id,
        "id_kind": member.id_kind,
        "updated_at": member.updated_at,
        "last_run": member.run_id,
        "last_run_at": member.run_at,
    }


def _row(member: Member) -> dict[str, Any]:
    return {
        "identity": member.name,
        "id_kind": member.id_kind,
        "last_run": member.run_id,
        "last_run_at": member.run_at,
    }


def _chain(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    return [
        {
            "kind": step.evidence.kind,
            "priority": step.evidence.priority,
            "identifier": step.evidence.identifier,
            "value": step.evidence.value,
            "decision": _decision(step.evidence.decision),
            "rows": [_row(step.parent), _row(step.member)],
        }
        for step in steps
        if step.parent and step.evidence
    ]


def _withheld(value: Withheld) -> dict[str, Any]:
    return {
        "kind": value.kind,
        "identifier": value.identifier,
        "value": value.value,
        "rows": [_row(member) for member in (value.one, value.other) if member],
        "other_user_id": value.other.user_id if value.other else None,
        "other_identities": value.others,
        "conflict": asdict(value.conflict) if value.conflict else None,
        "guard": asdict(value.ignored) if value.ignored else None,
    }


def _ruling(ruling: Ruling) -> dict[str, Any]:
    return {
        "kind": ruling.kind,
        "rows": [_row(ruling.one), _row(ruling.other)],
        "other_user_id": ruling.other.user_id,
        "decision": _decision(ruling.decision),
    }


def _decision(decision: Decision | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "decision": decision.kind,
        "identity": str(decision.identity),
        "other": str(decision.other),
        "who": decision.who,
        "why": decision.why,
        "when": decision.when,
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "property": origin.path,
        "chosen": [_source(source) for source in origin.chosen],
        "beaten": [_source(source) for source in origin.beaten],
        "distinct_values": origin.distinct,
    }


def _source(source: Source) -> dict[str, Any]:
    return {
        "value": source.value,
        "identity": f"{source.pipeline}:{source.identity_id}",
        "id_kind": source.id_kind,
        "updated_at": source.updated_at,
        "primary_source": source.primary,
        "identities": source.identities,
    }
