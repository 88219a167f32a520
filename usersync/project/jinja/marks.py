"""Marks in what a template writes, each with the place that it was written at: how a rendering is traced."""

from __future__ import annotations

import re

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from usersync.diagnostics import SourceFile
from usersync.project.jinja.environment import ENVIRONMENT
from usersync.project.jinja.rendered import Segment

_MARK = re.compile("\x01([de])([0-9]+):([0-9]+)\x02")
"""Of data or of an expression, the number of its file, and the offset there."""


class Marker(NodeTransformer):
    """Puts a mark before everything that a template writes."""

    def __init__(self, index: int) -> None:
        self.index = index

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 (named by Jinja's visitor)
        marked: list[nodes.Expr] = []
        for child in node.nodes:
            kind = "d" if isinstance(child, nodes.TemplateData) else "e"
            mark = nodes.TemplateData(f"\x01{kind}{self.index}:{child.lineno}\x02")
            mark.set_lineno(child.lineno).set_environment(ENVIRONMENT)
            marked += [mark, child]
        node.nodes = marked
        return node


def unmarked(text: str, files: list[SourceFile]) -> tuple[str, list[Segment]]:
    """A text without its marks, and what they say of it."""
    parts, segments, end, length = [], [], 0, 0
    for match in _MARK.finditer(text):
        parts.append(text[end : match.start()])
        length += len(parts[-1])
        segments.append(Segment(length, files[int(match[2])], int(match[3]), match[1] == "d"))
        end = match.end()
    parts.append(text[end:])
    return "".join(parts), segments
