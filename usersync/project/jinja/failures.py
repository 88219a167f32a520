"""Why a template could not be rendered, and where: any error of Python's becomes a diagnostic."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from jinja2 import TemplateError, TemplateNotFound, UndefinedError, nodes

from usersync.diagnostics import ConfigError, Diagnostic, Location, SourceFile, did_you_mean
from usersync.project.jinja.code import Code, doubted
from usersync.project.jinja.environment import ENVIRONMENT
from usersync.project.jinja.functions import TemplateProblem
from usersync.project.jinja.growth import BoundError
from usersync.project.jinja.tree import extent, parse

_UNDEFINED = re.compile(r"'([^']+)' is undefined")


def failure(error: Exception, file: SourceFile, known: Iterable[str]) -> Diagnostic:
    """What an error says that was raised while a template was rendered.

    Args:
        error: As it was raised.
        file: The template.
        known: The names that it may use.
    """
    offset = _offset(error, file)
    where, hint = file.location(offset, extent(file.text, offset)), None
    match error:
        case TemplateProblem():
            return Diagnostic(error.code, error.message, where, error.hint)
        case UndefinedError():
            return _undefined(error, file, offset, known)
        case BoundError():
            message = str(error)
        case TemplateNotFound():
            message, hint = f"there is no template {error.name!r} to load", "macros of macros/*.sql need no import"
        case TemplateError():
            message = str(error.message or error)
        case _:
            message = f"{type(error).__name__}: {error}"
    return Diagnostic("US001", f"template: {message}", where, hint)


def check_names(file: SourceFile, compiled: Code, known: Collection[str]) -> None:
    """Refuses a template with names that nothing defines, wherever they are: a branch that was not taken may be.

    Raises:
        ConfigError: there are some (US003), with their first places.
    """
    unknown = compiled.asked.difference(known)
    if unknown and (unknown := unknown.difference(doubted(file))):
        raise ConfigError([_unknown(file, name, 0, known) for name in sorted(unknown)])


def _unknown(file: SourceFile, name: str, start: int, known: Iterable[str]) -> Diagnostic:
    hint = did_you_mean(name, [*known, *ENVIRONMENT.globals])
    return Diagnostic("US003", f"template: {name!r} is undefined", _name_place(file, name, start), hint)


def _undefined(error: UndefinedError, file: SourceFile, offset: int, known: Iterable[str]) -> Diagnostic:
    message = error.message or "something is undefined"
    name = _UNDEFINED.fullmatch(message)
    if name:
        return _unknown(file, name[1], offset, known)
    return Diagnostic("US003", f"template: {message}", file.location(offset))


def _offset(error: BaseException, file: SourceFile) -> int:
    """Where in a template an error was raised: in the innermost frame of the template's own."""
    place, frame = 0, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == file.path:
            place = frame.tb_lineno
        frame = frame.tb_next
    return place


def _name_place(file: SourceFile, name: str, start: int) -> Location:
    """The first use of a name from an offset on: frames know the statement only."""
    uses = (node.lineno for node in parse(file).find_all(nodes.Name) if node.name == name and node.lineno >= start)
    place = min(uses, default=start)
    return file.location(place, extent(file.text, place))
