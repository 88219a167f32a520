"""What a build did: plain values, for the summary, the artifacts and the warehouse's own history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from usersync.diagnostics import Diagnostic
from usersync.resolve.resolution import UserCounts


class Outcome(StrEnum):
    """How a pipeline or a build ended."""

    SUCCESS = "success"
    FAILED = "failed"
    REFUSED = "refused"
    """A guard refused it."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class PipelineResult:
    """A pipeline's part in a build. Counts are of rows; seconds are of wall time."""

    pipeline: str
    connection: str
    outcome: Outcome
    full_import: bool = True
    read: int = 0
    unchanged: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    rejected: int = 0
    duplicates: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """By stage: extract, map, merge."""
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def total_seconds(self) -> float:
        """All stages together."""
        return sum(self.seconds.values())


@dataclass(frozen=True, slots=True)
class TestResult:
    """A data test: how many rows were wrong."""

    __test__ = False  # not a test of ours

    name: str
    failures: int
    diagnostic: Diagnostic | None = None


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A whole build."""

    run_id: str
    started_at: str
    seconds: float
    outcome: Outcome
    pipelines: tuple[PipelineResult, ...]
    users: UserCounts
    written: bool = True
    """False when the transaction was rolled back, or never begun."""
    tests: tuple[TestResult, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 done, 1 a pipeline or test failed, 4 a guard refused and nothing else failed."""
        outcomes = {result.outcome for result in self.pipelines}
        if Outcome.FAILED in outcomes or any(test.failures for test in self.tests):
            return 1
        return 4 if Outcome.REFUSED in outcomes else 0


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a running build, for whoever watches."""

    step: str
    """reading, read, failed, waiting, merging, resolving, testing, committing."""
    pipeline: str | None = None
    detail: str = ""


Listener = Callable[[Event], None]


def silent(_: Event) -> None:
    """Watches nothing."""
