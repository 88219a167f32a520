"""Templates rendered: all macros are known in all of them, and what is rendered knows where it was written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from jinja2 import Template

from usersync.diagnostics import ConfigError, SourceFile
from usersync.project.jinja.code import code
from usersync.project.jinja.environment import ENVIRONMENT
from usersync.project.jinja.failures import check_names, failure
from usersync.project.jinja.macros import Library
from usersync.project.jinja.marks import unmarked
from usersync.project.jinja.rendered import Rendered, Segment


def render(file: SourceFile, library: Library, context: Mapping[str, Any]) -> Rendered:
    """The text that a template makes in a context.

    Raises:
        ConfigError: the template cannot be rendered (US001), or uses an undefined name (US003).
    """
    text = _Rendering(library, context, traced=False).of(file)

    def trace() -> tuple[str, list[Segment]]:
        traced = _Rendering(library, context, traced=True)
        return unmarked(traced.of(file), traced.files)

    return Rendered(text, file, trace)


def check_template(file: SourceFile, names: Collection[str]) -> None:
    """Refuses a template that cannot be rendered, whatever it is called with.

    Args:
        file: Its text.
        names: The names that it may use.

    Raises:
        ConfigError: it is not valid (US001), or uses an undefined name (US003).
    """
    check_names(file, code(file, None), names)


class _Rendering:
    """One rendering: the context, the files seen and, when tracing, marks in all that is written."""

    def __init__(self, library: Library, context: Mapping[str, Any], traced: bool) -> None:
        self.library = library
        self.traced = traced
        self.files: list[SourceFile] = []
        self._modules: dict[str, Any] = {}
        self.context = {name: self._macro(name) for name in library.owners} | dict(context)

    def of(self, file: SourceFile) -> str:
        """The text that a template makes."""
        check_template(file, self.context)
        try:
            with ENVIRONMENT.rendering():
                return self.template(file).render(self.context)
        except ConfigError:
            raise
        except Exception as error:  # a template may raise anything: all of it is the template's fault
            raise ConfigError(failure(error, file, self.context)) from None

    def template(self, file: SourceFile) -> Template:
        if self.traced:
            self.files.append(file)
        compiled = code(file, len(self.files) - 1 if self.traced else None)
        return Template.from_code(ENVIRONMENT, compiled.python, ENVIRONMENT.make_globals(None))

    def _macro(self, name: str) -> Callable[..., str]:
        """A macro that is looked up when called, so that macro files may use each other in any order."""

        def call(*args: Any, **kwargs: Any) -> str:
            owner = self.library.owners[name]
            if owner.path not in self._modules:
                self._modules[owner.path] = self.template(owner).make_module(self.context)
            return str(getattr(self._modules[owner.path], name)(*args, **kwargs))

        return call
