"""Templates compiled to Python, with or without marks in what they write."""

from __future__ import annotations

from functools import lru_cache
from types import CodeType

from jinja2 import nodes

from usersync.diagnostics import SourceFile
from usersync.project.jinja.environment import ENVIRONMENT
from usersync.project.jinja.marks import Marker
from usersync.project.jinja.tree import is_call, parse, unshared

SETTINGS = frozenset({"config", "users"})
"""Calls that say what a file is: rendered they are nothing."""


@lru_cache(maxsize=256)
def code(file: SourceFile, marks: int | None) -> CodeType:
    """A template compiled; with marks of the file's number in all that it writes."""
    tree = _without_settings(parse(file)) if marks is None else Marker(marks).visit(unshared(file))
    return ENVIRONMENT.compile(tree, file.path, file.path)


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
