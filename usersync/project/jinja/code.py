"""Templates compiled to Python, with or without marks in what they write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from types import CodeType

from jinja2 import TemplateSyntaxError, nodes

from usersync.diagnostics import ConfigError, Diagnostic, Location, SourceFile
from usersync.project.jinja.bounds import Generator
from usersync.project.jinja.environment import ENVIRONMENT
from usersync.project.jinja.marks import Marker
from usersync.project.jinja.tree import called, is_call, parse, unshared

SETTINGS = frozenset({"config", "users"})
"""Calls that say what a file is: rendered they are nothing."""


@dataclass(frozen=True, slots=True)
class Code:
    """A template compiled."""

    python: CodeType
    asked: frozenset[str]
    """Names that it uses and nowhere defines itself."""


@lru_cache(maxsize=256)
def code(file: SourceFile, marks: int | None) -> Code:
    """A template compiled; with marks of the file's number in all that it writes.

    Raises:
        ConfigError: it is not valid, or is nested too deeply (US001).
    """
    try:
        return _compiled(file, marks)
    except TemplateSyntaxError as error:
        message, where = error.message, file.location(error.lineno)
    except SyntaxError as error:
        message, where = _no_python(error, file)
    except (RecursionError, MemoryError):
        message, where = "nested too deeply", file.location(0)
    raise ConfigError(Diagnostic("US001", f"template: {message}", where))


def _compiled(file: SourceFile, marks: int | None) -> Code:
    tree = _without_settings(parse(file)) if marks is None else Marker(marks).visit(unshared(file))
    generator = Generator(ENVIRONMENT, file.path, file.path, optimized=False)
    generator.visit(tree)
    asked = generator.asked - generator.defined - ENVIRONMENT.globals.keys()
    return Code(compile(generator.text(), file.path, "exec"), frozenset(asked))


def _no_python(error: SyntaxError, file: SourceFile) -> tuple[str, Location]:
    """What Jinja passes over and Python does not, and its place."""
    tree = parse(file)
    for macro in chain[nodes.Macro | nodes.CallBlock](tree.find_all(nodes.Macro), tree.find_all(nodes.CallBlock)):
        seen: set[str] = set()
        for parameter in macro.args:
            if parameter.name in seen:
                where = file.location(parameter.lineno, len(parameter.name))
                return f"parameter {parameter.name!r} is named twice", where
            seen.add(parameter.name)
    return error.msg, file.location(0)


def doubted(file: SourceFile) -> Iterator[str]:
    """Names of which a template asks whether they are defined, or for which it has a default; and those in settings.

    Settings take no names: that has a rule of its own.
    """
    for call in called(file):
        if isinstance(call, nodes.Call) and is_call(call, *SETTINGS):
            yield from (name.name for name in call.find_all(nodes.Name))
        doubts = isinstance(call, nodes.Test | nodes.Filter) and call.name in {"defined", "undefined", "default", "d"}
        if doubts and isinstance(call.node, nodes.Name):
            yield call.node.name


def _without_settings(tree: nodes.Template) -> nodes.Template:
    """The tree without the settings that a template begins with: they write nothing, and are half of many a template.

    Further down another name may hide theirs.
    """
    first = tree.body[0] if tree.body else None
    if not isinstance(first, nodes.Output):
        return tree
    index = next((i for i, node in enumerate(first.nodes) if not isinstance(node, nodes.TemplateData)), 0)
    if not _only_settings(first.nodes[index]):
        return tree
    rest = nodes.Output([*first.nodes[:index], *first.nodes[index + 1 :]], lineno=first.lineno, environment=ENVIRONMENT)
    return nodes.Template([rest, *tree.body[1:]], lineno=tree.lineno, environment=ENVIRONMENT)


def _only_settings(node: nodes.Node) -> bool:
    """Whether an expression is a call of settings that are all constants."""
    if not isinstance(node, nodes.Call) or not is_call(node, *SETTINGS):
        return False
    named = not node.args and node.dyn_args is None and node.dyn_kwargs is None
    return named and all(_constant(keyword.value) for keyword in node.kwargs)


def _constant(node: nodes.Node) -> bool:
    """Whether nothing can happen when an expression is computed."""
    match node:
        case nodes.Const():
            return True
        case nodes.List(items=items) | nodes.Tuple(items=items):
            return all(map(_constant, items))
        case nodes.Dict(items=pairs):
            return all(isinstance(pair.key, nodes.Const) and _constant(pair.value) for pair in pairs)
    return False
