"""Jinja's syntax trees with offsets as line numbers, each parsed once for all who look at it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from jinja2 import TemplateSyntaxError, nodes

from usersync.diagnostics import ConfigError, Diagnostic, SourceFile, did_you_mean
from usersync.project.jinja.environment import ENVIRONMENT
from usersync.project.texts import check_readable

Called = nodes.Call | nodes.Filter | nodes.Test


_LONG_NUMBER = re.compile(r"\d{4300,}")


def parse(file: SourceFile) -> nodes.Template:
    """Jinja's syntax tree of a template, with offsets as line numbers. It is shared: look, but do not change it.

    Raises:
        ConfigError: the template is not valid Jinja (US001).
    """
    return _shared(file)[0]


def calls(file: SourceFile, function: str) -> list[nodes.Call]:
    """The calls of a function in a template, in order.

    Raises:
        ConfigError: the template is not valid Jinja (US001).
    """
    return [call for call in called(file) if isinstance(call, nodes.Call) and is_call(call, function)]


def called(file: SourceFile) -> list[Called]:
    """All that a template calls, filters and tests.

    Raises:
        ConfigError: the template is not valid Jinja (US001).
    """
    return _shared(file)[1]


def is_call(call: nodes.Call, *functions: str) -> bool:
    """Whether one of some functions is called."""
    return isinstance(call.node, nodes.Name) and call.node.name in functions


def unshared(file: SourceFile) -> nodes.Template:
    """A tree like that of `parse`, to be changed.

    Raises:
        ConfigError: the template is not valid Jinja (US001).
    """
    return _parsed(file)[0]


@lru_cache(maxsize=4096)
def _shared(file: SourceFile) -> tuple[nodes.Template, list[Called]]:
    return _parsed(file)


def _parsed(file: SourceFile) -> tuple[nodes.Template, list[Called]]:
    """The tree of a template, and all that is called in it."""
    check_readable(file)
    try:
        tree = ENVIRONMENT.parse(file.text, file.path, file.path)
        called: list[Called] = []
        _start(tree, called)
    except TemplateSyntaxError as error:
        where = file.location(error.lineno, extent(file.text, error.lineno))
        message = re.sub(r" at \d+$", "", error.message or "syntax error")
        raise ConfigError(Diagnostic("US001", f"template: {message}", where)) from None
    except ValueError:
        # Python reads no longer ones.
        long = _LONG_NUMBER.search(file.text)
        where = file.location(long.start(), len(long[0])) if long else file.location(0)
        raise ConfigError(Diagnostic("US001", "template: a number has too many digits", where)) from None
    except RecursionError:
        raise ConfigError(Diagnostic("US001", "template: nested too deeply", file.location(0))) from None
    for call in called:
        _no_key_twice(file, getattr(call, "kwargs", ()))
        _known(file, call)
    return tree, called


def _start(node: nodes.Node, called: list[Called]) -> int:
    """Gives every expression the offset of its first character: Jinja has that of an operator, bracket or dot.

    Calls, filters and tests are collected in the same walk.
    """
    if isinstance(node, Called):
        called.append(node)
    # An operand of a comparison has no place of its own, only what it holds.
    places = [] if node.lineno is None else [node.lineno]
    for name in node.fields:
        value = getattr(node, name)
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, nodes.Node):
                places.append(_start(child, called))
    if node.lineno is None or isinstance(node, nodes.Expr):
        node.lineno = min(places, default=0)
    return node.lineno


def _known(file: SourceFile, call: Called) -> None:
    """Refuses filters and tests that there are not: Jinja looks for those in a branch only when it comes there."""
    if isinstance(call, nodes.Call):
        return
    kind, names = ("filter", ENVIRONMENT.filters) if isinstance(call, nodes.Filter) else ("test", ENVIRONMENT.tests)
    if call.name not in names:
        where, hint = file.location(call.lineno), did_you_mean(call.name, names)
        raise ConfigError(Diagnostic("US001", f"template: there is no {kind} {call.name!r}", where, hint))


def _no_key_twice(file: SourceFile, keywords: Iterable[nodes.Keyword]) -> None:
    seen: set[str] = set()
    for keyword in keywords:
        if keyword.key in seen:
            where = file.location(key_offset(file, keyword.key, keyword.value.lineno), len(keyword.key))
            raise ConfigError(Diagnostic("US001", f"template: {keyword.key!r} is given twice", where))
        seen.add(keyword.key)


def key_offset(file: SourceFile, key: str, value_offset: int) -> int:
    """Where the `key` of `key = value` stands; the value's own offset when it is not right before it."""
    match = re.search(rf"\b{re.escape(key)}\s*=\s*\(*\s*\Z", file.text[:value_offset])
    return match.start() if match else value_offset


_WORD = re.compile(r"[\w.+-]+")
_TEXT = {quote: re.compile(rf"(?:\\.|[^\\{quote}])*", re.DOTALL) for quote in "'\""}


def extent(text: str, offset: int) -> int:
    """How long the name or literal is that begins at an offset; of a text, what stands in its quotes."""
    found = _TEXT.get(text[offset - 1 : offset], _WORD).match(text, offset)
    return max(1, len(found[0])) if found else 1
