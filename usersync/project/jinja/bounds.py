"""Templates end: a Jinja environment whose loops, calls and texts have bounds.

A build renders a template as well as lint does, so that what takes for ever is an error of the template.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.idtracking import VAR_LOAD_RESOLVE
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

STEPS = 100_000
"""How many turns of loops and calls one rendering may take."""
_VIEW = 50
"""How many of them a view takes that is rendered on the way."""
LENGTH = 10_000_000
"""How long a text may become, in characters; how many digits a number may have, at most."""


class BoundError(Exception):
    """A template that goes on for too long, or grows too large."""


class Generator(CodeGenerator):
    """Jinja's compiler, whose loops and joined texts are counted, and which keeps the names of a template."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked: set[str] = set()
        """Names that are looked up when it runs, as nothing before them defines them for sure."""
        self.defined: set[str] = set()
        """Names that it defines somewhere."""

    def text(self) -> str:
        """The Python that was written."""
        written: StringIO = self.stream  # type: ignore[assignment]
        return written.getvalue()

    def enter_frame(self, frame: Frame) -> None:
        self.asked |= {name for action, name in frame.symbols.loads.values() if action == VAR_LOAD_RESOLVE and name}
        self.defined |= frame.symbols.stores
        super().enter_frame(frame)

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 (named by Jinja's visitor)
        # The tree is shared: it must be the same afterwards.
        given = node.iter
        counted = nodes.EnvironmentAttribute("counted", lineno=given.lineno, environment=self.environment)
        node.iter = nodes.Call(counted, [given], [], None, None, lineno=given.lineno, environment=self.environment)
        try:
            super().visit_For(node, frame)
        finally:
            node.iter = given

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.bounded(")
        super().visit_Concat(node, frame)
        self.write(")")


class _Spent(threading.local):
    """The steps of the rendering that a thread is in; None outside of any."""

    steps: int | None = None


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox in which a template cannot go on for ever."""

    code_generator_class = Generator
    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._spent = _Spent()
        for name in ("center", "indent"):
            self.filters[name] = _with_small_numbers(self.filters[name])

    @contextmanager
    def rendering(self) -> Iterator[None]:
        """Counts the steps of what is rendered within, together with what that renders in turn."""
        outermost = self._spent.steps is None
        if outermost:
            self._spent.steps = 0
        else:
            self.step(_VIEW)
        try:
            yield
        finally:
            if outermost:
                self._spent.steps = None

    def step(self, steps: int = 1) -> None:
        """Counts steps.

        Raises:
            BoundError: it is one too many.
        """
        if self._spent.steps is None:
            return
        self._spent.steps += steps
        if self._spent.steps > STEPS:
            raise BoundError(f"its loops and calls take more than {STEPS:,} steps")

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """What a loop goes through, counted."""
        for item in items:
            self.step()
            yield item

    def bounded(self, text: str) -> str:
        """A text that was joined.

        Raises:
            BoundError: it is too long.
        """
        _check(len(text))
        return text

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (as Jinja names it)
        __self.step()
        if isinstance(getattr(__obj, "__self__", None), str):
            _check_numbers((*args, *kwargs.values()))
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length()
            _check(bits * max(right, 1) if operator == "**" else bits + right.bit_length())
        elif operator == "*":
            for text, times in ((left, right), (right, left)):
                if isinstance(text, str | list | tuple) and isinstance(times, int):
                    _check(len(text) * times)
        return super().call_binop(context, operator, left, right)


def _check(length: int) -> None:
    if length > LENGTH:
        raise BoundError(f"a text or number in it becomes longer than {LENGTH:,}")


def _check_numbers(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, int):
            _check(value)


def _with_small_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that pads a text, not beyond what is bearable."""

    def padded(text: Any, *args: Any, **kwargs: Any) -> Any:
        _check_numbers((*args, *kwargs.values()))
        return function(text, *args, **kwargs)

    return padded
