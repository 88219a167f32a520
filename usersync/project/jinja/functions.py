"""Functions that templates may call, and what is wrong with a call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any

from jinja2 import Undefined


class TemplateProblem(Exception):  # noqa: N818 (becomes a diagnostic, with the place of the call)
    """Raised by a function that a template called: what is wrong with the call."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class Function:
    """A function for templates, that explains a wrong call, or no call at all, without a word of Python."""

    # Templates reach no attribute that begins with an underscore.
    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name, self._function = name, function

    @cached_property
    def _signature(self) -> inspect.Signature:
        # Most functions are not called by most templates.
        return inspect.signature(self._function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            given = self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TemplateProblem("US001", f"template: {self._name}(): {error}", self._usage) from None
        for name, value in given.items():
            if isinstance(value, Undefined):
                str(value)  # says what is undefined
            if self._signature.parameters[name].annotation == "str" and not isinstance(value, str):
                raise TemplateProblem("US001", f"template: {self._name}(): {name} must be text", self._usage)
        return self._function(*args, **kwargs)

    def __str__(self) -> str:
        raise TemplateProblem("US001", f"template: {self._name} is a function and must be called", self._usage)

    @property
    def _usage(self) -> str:
        names = [name for name in self._signature.parameters if not name.startswith("_")]
        return f"write {self._name}({', '.join(names)})"
