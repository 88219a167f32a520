"""The closing words of a build."""

from __future__ import annotations

from usersync.build.results import BuildResult, Outcome, PipelineResult
from usersync.report.diagnostics import Style, plain

_COLUMNS = ("read", "unchanged", "inserted", "updated", "deleted", "rejected")


def build_summary(result: BuildResult, style: Style = plain) -> str:
    """A line a pipeline, and what became of users."""
    width = max([len("pipeline"), *(len(p.pipeline) for p in result.pipelines)])
    head = "  ".join(["pipeline".ljust(width), *(name.rjust(9) for name in _COLUMNS), "seconds".rjust(8)])
    lines = ["", head, *(_line(p, width, style) for p in result.pipelines), ""]
    failed = [t for t in result.tests if t.failures]
    if not result.written and not failed:
        lines.append(f"{style('nothing was written:', 'error')} the build stopped at the first failure")
    elif failed:
        lines.append(f"{style('nothing was written:', 'error')} {len(failed)} of {len(result.tests)} data tests failed")
    else:
        lines.append(_users(result))
        lines += [f"data tests: {len(result.tests)} passed"] if result.tests else []
    word = style("done", "done") if result.exit_code == 0 else style("finished with failures", "error")
    lines.append(f"{word} in {result.seconds:.2f} s")
    return "\n".join(lines)


def _line(result: PipelineResult, width: int, style: Style) -> str:
    if result.outcome is not Outcome.SUCCESS:
        kind = "warning" if result.outcome is Outcome.SKIPPED else "error"
        return f"{result.pipeline.ljust(width)}  {style(result.outcome.value, kind)}"
    counts = [f"{getattr(result, name):,}".rjust(9) for name in _COLUMNS]
    return "  ".join([result.pipeline.ljust(width), *counts, f"{result.total_seconds:.2f}".rjust(8)])


def _users(result: BuildResult) -> str:
    users = result.users
    changes = ", ".join(
        f"{getattr(users, name):,} {name}" for name in ("created", "updated", "merged", "split", "deleted")
    )
    return f"users: {users.total:,} from {users.identities:,} identities ({changes})"
