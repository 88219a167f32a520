"""Progress of a build: a live list on a terminal, plain lines elsewhere, JSON lines where asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from usersync.build.results import Event, Listener, silent

_WORDS = {
    "reading": "reading",
    "waiting": "waiting:",
    "merging": "merging identities",
    "resolving": "resolving users",
    "testing": "running data tests",
    "committing": "committing",
}


class Voice(Protocol):
    """Who says it: the console of a command."""

    @property
    def quiet(self) -> bool: ...
    @property
    def lively(self) -> bool: ...
    def note(self, text: str, *, always: bool = False, **fields: object) -> None: ...


@contextmanager
def watch(voice: Voice, pipelines: Sequence[str], what: str = "build") -> Iterator[Listener]:
    """A listener for one build or plan, in the manner that the console allows."""
    if voice.quiet:
        yield silent
    elif voice.lively:
        with _live(pipelines, what) as listener:
            yield listener
    else:
        yield lambda event: voice.note(line(event), event=event.step, pipeline=event.pipeline)


def line(event: Event) -> str:
    """An event as one plain line."""
    if event.pipeline is None:
        return f"{_WORDS.get(event.step, event.step)} {event.detail}".strip()
    match event.step:
        case "read":
            return f"{event.pipeline}: {event.detail}"
        case "failed":
            return f"{event.pipeline}: failed"
    return f"{event.pipeline}: {_WORDS.get(event.step, event.step)}"


@contextmanager
def _live(pipelines: Sequence[str], what: str) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {stem: progress.add_task(stem, total=1, start=False, detail="") for stem in pipelines}
        whole = progress.add_task(what, total=None, detail="reading")

        def listen(event: Event) -> None:
            if event.pipeline is None:
                progress.update(whole, detail=line(event))
                return
            task = tasks[event.pipeline]
            if event.step == "reading":
                progress.start_task(task)
            done = event.step in {"read", "failed"}
            progress.update(task, detail="failed" if event.step == "failed" else event.detail, completed=int(done))

        yield listen
