"""Templates end: a Jinja environment whose loops, calls and texts have bounds.

A build renders a template as well as lint does, so that what takes for ever is an error of the template.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.idtracking import VAR_LOAD_RESOLVE
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from usersync.project.jinja.growth import GROWING, BoundError, check_length, growing, grown, size

STEPS = 100_000
"""How many turns of loops and calls one rendering may take."""
_VIEW = 50
"""How many of them a view takes that is rendered on the way."""
WRITTEN = 10_000_000
"""How many characters a template may write."""


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
    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._spent = _Spent()
        for name in GROWING:
            self.filters[name] = growing(name, self.filters[name])

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
        check_length(len(text))
        return text

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """What a template, a macro or a block has written, in one.

        Raises:
            BoundError: it is too long.
        """
        kept, length = [], 0
        for part in parts:
            length += len(part)
            if length > WRITTEN:
                raise BoundError(f"it writes more than {WRITTEN:,} characters")
            kept.append(part)
        return "".join(kept)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 (as Jinja names it)
        __self.step()
        # The sandbox has a format() of its own round that of a text.
        method = getattr(__obj, "__wrapped__", __obj)
        text = getattr(method, "__self__", None)
        if isinstance(text, str):
            check_length(grown(method.__name__, text, *args, *kwargs.values()))
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length()
            check_length(bits * max(right, 1) if operator == "**" else bits + right.bit_length())
        elif operator == "*":
            for text, times in ((left, right), (right, left)):
                if isinstance(text, str | list | tuple) and isinstance(times, int):
                    check_length(size(text) * times)
        elif operator == "%" and isinstance(left, str):
            check_length(grown("format", left, *(right if isinstance(right, tuple) else [right])))
        return super().call_binop(context, operator, left, right)
