"""Plans for programs: plain dictionaries and lists, whose keys are documented in docs/plan.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

import usersync
from usersync.project.overrides import Decision
from usersync.report.diagnostics import as_data as diagnostic
from usersync.report.plan import words
from usersync.report.plan.values import (
    Change,
    Link,
    Loss,
    Merged,
    Named,
    PipelinePlan,
    Plan,
    Sample,
    Someone,
    Split,
    Updated,
)

T = TypeVar("T")
VERSION = 1


def as_data(plan: Plan) -> dict[str, Any]:
    """A plan as JSON has it."""
    people = plan.people
    return {
        "version": VERSION,
        "usersync_version": usersync.__version__,
        "changes": plan.changes,
        "exit_code": plan.exit_code,
        "refused": diagnostic(plan.refused) if plan.refused else None,
        "layout": plan.layout,
        "pipelines": [_pipeline(pipeline) for pipeline in plan.pipelines],
        "removed": dict(plan.removed),
        "users": {
            "before": people.before.total,
            "after": people.counts.total,
            "identities_before": people.before.identities,
            "identities_after": people.counts.identities,
            "created": _sample(people.created, _someone),
            "updated": _sample(people.updated, _updated),
            "merged": _sample(people.merged, _merged),
            "split": _sample(people.split, _split),
            "deleted": _sample(people.deleted, _someone),
            "waiting": _sample(people.waiting, _named),
        },
        "warnings": [diagnostic(warning) for warning in plan.warnings],
    }


def _pipeline(pipeline: PipelinePlan) -> dict[str, Any]:
    result = pipeline.result
    return {
        "pipeline": result.pipeline,
        "connection": result.connection,
        "outcome": result.outcome.value,
        "full_import": result.full_import,
        **{name: getattr(result, name) for name in words.COLUMNS},
        "duplicates": result.duplicates,
        "recovered": pipeline.recovered,
        "rejections": [asdict(reason) for reason in pipeline.rejected],
        "errors": [diagnostic(d) for d in result.diagnostics],
    }


def _sample(some: Sample[T], show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    return {"count": some.count, "sample": [show(one) for one in some.shown]}


def _named(one: Named) -> dict[str, Any]:
    return {"identity": one.name, "id_kind": one.id_kind, "change": one.change}


def _someone(one: Someone) -> dict[str, Any]:
    return {"user_id": one.user_id, **_identities(one.identities), "values": dict(one.values)}


def _identities(some: Sample[Named]) -> dict[str, Any]:
    return {"identity_count": some.count, "identities": [_named(one) for one in some.shown]}


def _updated(one: Updated) -> dict[str, Any]:
    return {
        "user_id": one.user_id,
        **_identities(one.identities),
        "identity_count_before": one.identities_before,
        "updated_at_before": one.updated_at[0],
        "updated_at": one.updated_at[1],
        "properties": [_change(change) for change in one.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "property": change.property,
        "old": change.old,
        "new": change.new,
        "source": _named(change.source) if change.source else None,
    }


def _merged(one: Merged) -> dict[str, Any]:
    return {
        "user_id": one.user_id,
        "into": one.into,
        "users": one.users,
        "chain": [_link(link) for link in one.chain],
        "switch": [_named(identity) for identity in one.switch or ()],
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "kind": link.evidence.kind,
        "priority": link.evidence.priority,
        "identifier": link.evidence.identifier,
        "value": link.evidence.value,
        "decision": _decision(link.evidence.decision) if link.evidence.decision else None,
        "rows": [_named(link.one), _named(link.other)],
    }


def _split(one: Split) -> dict[str, Any]:
    return {
        "user_id": one.user_id,
        "out_of": one.out_of,
        **_identities(one.identities),
        "was_joined_by": _link(one.link) if one.link else None,
        "because": _loss(one.loss),
    }


def _loss(loss: Loss) -> dict[str, Any]:
    return {
        "kind": loss.kind,
        "reason": loss.words,
        "identity": _named(loss.identity) if loss.identity else None,
        "decisions": [_decision(decision) for decision in loss.decisions],
        "overruled": [
            {"identifier": piece.identifier, "value": piece.value, "identity": _named(piece.identity)}
            for piece in loss.overruled
        ],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "decision": decision.kind,
        "identity": str(decision.identity),
        "other": str(decision.other),
        "who": decision.who,
        "why": decision.why,
        "when": decision.when,
    }
