"""Jinja with exact places: templates are parsed with offsets in place of line numbers, and rendered in a sandbox.

Jinja's nodes, errors and tracebacks carry one number, the line. Its lexer here yields the offset of each token
instead, so that number is exact everywhere, run-time errors included.
"""

from __future__ import annotations

import bisect
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any

from jinja2 import (
    DictLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    nodes,
)
from jinja2.lexer import Lexer
from jinja2.visitor import NodeTransformer

from usersync.diagnostics import ConfigError, Diagnostic, Location, SourceFile, did_you_mean
from usersync.project.bounds import BoundedEnvironment, BoundError

SETTINGS = frozenset({"config", "users"})
"""Calls that say what a file is: rendered they are nothing."""

_MARK = re.compile("\x01([de])([0-9]+):([0-9]+)\x02")
_UNDEFINED = re.compile(r"'([^']+)' is undefined")


class _OffsetLexer(Lexer):
    """Jinja's lexer, with the offset of each token where the line number goes."""

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        position = 0
        try:
            for _, token, value in super().tokeniter(source, name, filename, state):
                # Tokens cover the source but for blanks that `-` strips, so the next find is the token itself.
                found = source.find(value, position)
                start = found if found >= 0 else position
                position = start + len(value)
                yield start, token, value
        except TemplateSyntaxError as error:
            error.lineno = position
            raise


class _Environment(BoundedEnvironment):
    def __init__(self) -> None:
        # Jinja's optimizer would change trees that are read again.
        super().__init__(undefined=StrictUndefined, loader=DictLoader({}), keep_trailing_newline=True, optimized=False)
        self.globals.pop("lipsum", None)

    @cached_property
    def _offset_lexer(self) -> Lexer:
        return _OffsetLexer(self)

    @property
    def lexer(self) -> Lexer:
        return self._offset_lexer


ENVIRONMENT = _Environment()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of rendered text and where it was written; `verbatim` text moves along with its source."""

    start: int
    file: SourceFile
    offset: int
    verbatim: bool


@dataclass(frozen=True)
class Rendered:
    """SQL as rendered, able to say where in the templates each of its characters was written."""

    sql: str
    file: SourceFile
    _trace: Callable[[], tuple[str, list[Segment]]] = field(repr=False)

    @cached_property
    def _segments(self) -> list[Segment]:
        text, segments = self._trace()
        # A filter that counts or cuts text sees the marks too; then only the file is known.
        return segments if text == self.sql else []

    def location(self, offset: int, length: int = 1) -> Location:
        """The place in a template of the rendered character at `offset`."""
        index = bisect.bisect_right(self._segments, offset, key=lambda s: s.start) - 1
        if index < 0:
            return self.file.location(len(self.file.text) - len(self.file.text.lstrip()))
        segment = self._segments[index]
        moved = offset - segment.start if segment.verbatim else 0
        return segment.file.location(segment.offset + moved, length if segment.verbatim else 1)

    def written(self, start: int, end: int) -> tuple[int, int] | None:
        """The offsets in the model's own text of the rendered characters from `start` up to `end`.

        None where that is not certain: behind expressions and macros, and where one text is rendered again.
        """
        index = bisect.bisect_right(self._segments, start, key=lambda s: s.start) - 1
        if index < 0:
            return None
        segment = self._segments[index]
        begins = segment.offset + start - segment.start
        uses = [s for s in self._segments if s.verbatim and (s.file.path, s.offset) == (self.file.path, segment.offset)]
        same = self.file.text[begins : begins + end - start] == self.sql[start:end]
        return (begins, begins + end - start) if uses == [segment] and same else None


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
    return [call for call in _shared(file)[1] if isinstance(call, nodes.Call) and _calls(call, function)]


def _calls(call: nodes.Call, *functions: str) -> bool:
    return isinstance(call.node, nodes.Name) and call.node.name in functions


def check_readable(file: SourceFile) -> None:
    """Refuses a file whose text cannot be read.

    Raises:
        ConfigError: it cannot (US001), with the place.
    """
    if file.unreadable:
        offset, why = file.unreadable
        raise ConfigError(Diagnostic("US001", f"the file cannot be read: {why}", file.location(offset)))


@lru_cache(maxsize=4096)
def _shared(file: SourceFile) -> tuple[nodes.Template, list[_Called]]:
    return _parsed(file)


def _parsed(file: SourceFile) -> tuple[nodes.Template, list[_Called]]:
    """The tree of a template, and all that is called in it."""
    check_readable(file)
    try:
        tree = ENVIRONMENT.parse(file.text, file.path, file.path)
        called: list[_Called] = []
        _start(tree, called)
    except TemplateSyntaxError as error:
        where = file.location(error.lineno)
        message = re.sub(r" at \d+$", "", error.message or "syntax error")
        raise ConfigError(Diagnostic("US001", f"template: {message}", where)) from None
    except RecursionError:
        raise ConfigError(Diagnostic("US001", "template: nested too deeply", file.location(0))) from None
    for call in called:
        _no_key_twice(file, getattr(call, "kwargs", ()))
    return tree, called


@lru_cache(maxsize=256)
def _code(file: SourceFile, marks: int | None) -> CodeType:
    """A template compiled; with marks of the file's number in all that it writes."""
    tree = _without_settings(parse(file)) if marks is None else _Marker(marks).visit(_parsed(file)[0])
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
    if not isinstance(node, nodes.Call) or not _calls(node, *SETTINGS):
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


_Called = nodes.Call | nodes.Filter | nodes.Test


def _start(node: nodes.Node, called: list[_Called]) -> int:
    """Gives every expression the offset of its first character: Jinja has that of an operator, bracket or dot.

    Calls, filters and tests are collected in the same walk.
    """
    if isinstance(node, _Called):
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


class _Marker(NodeTransformer):
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


def _unmark(text: str, files: list[SourceFile]) -> tuple[str, list[Segment]]:
    parts, segments, end, length = [], [], 0, 0
    for match in _MARK.finditer(text):
        parts.append(text[end : match.start()])
        length += len(parts[-1])
        segments.append(Segment(length, files[int(match[2])], int(match[3]), match[1] == "d"))
        end = match.end()
    parts.append(text[end:])
    return "".join(parts), segments


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


@dataclass(frozen=True)
class Library:
    """The macros of a project, by name, each from one file of `macros/`."""

    files: tuple[SourceFile, ...] = ()

    @cached_property
    def owners(self) -> dict[str, SourceFile]:
        """Which file defines a macro."""
        found: dict[str, SourceFile] = {}
        for file in self.files:
            for macro in parse(file).find_all(nodes.Macro):
                if macro.name in found:
                    message = f"macro {macro.name!r} is also defined in {found[macro.name].path}"
                    raise ConfigError(Diagnostic("US001", message, file.location(macro.lineno)))
                found[macro.name] = file
        return found


class _Renderer:
    """One rendering: the context, the files seen and, when tracing, marks in all that is written."""

    def __init__(self, library: Library, context: Mapping[str, Any], traced: bool) -> None:
        self.library = library
        self.traced = traced
        self.files: list[SourceFile] = []
        self._modules: dict[str, Any] = {}
        self.context = {name: self._macro(name) for name in library.owners} | dict(context)

    def template(self, file: SourceFile) -> Template:
        if self.traced:
            self.files.append(file)
        code = _code(file, len(self.files) - 1 if self.traced else None)
        return Template.from_code(ENVIRONMENT, code, ENVIRONMENT.make_globals(None))

    def _macro(self, name: str) -> Callable[..., str]:
        """A macro that is looked up when called, so that macro files may use each other in any order."""

        def call(*args: Any, **kwargs: Any) -> str:
            owner = self.library.owners[name]
            if owner.path not in self._modules:
                self._modules[owner.path] = self.template(owner).make_module(self.context)
            return str(getattr(self._modules[owner.path], name)(*args, **kwargs))

        return call


def render(file: SourceFile, library: Library, context: Mapping[str, Any]) -> Rendered:
    """The text that a template makes in a context.

    Raises:
        ConfigError: the template cannot be rendered (US001), or uses an undefined name (US003).
    """
    renderer = _Renderer(library, context, traced=False)
    text = _guarded(file, renderer)

    def trace() -> tuple[str, list[Segment]]:
        traced = _Renderer(library, context, traced=True)
        return _unmark(_guarded(file, traced), traced.files)

    return Rendered(text, file, trace)


def _guarded(file: SourceFile, renderer: _Renderer) -> str:
    try:
        with ENVIRONMENT.rendering():
            return renderer.template(file).render(renderer.context)
    except ConfigError:
        raise
    except BoundError as error:
        raise ConfigError(Diagnostic("US001", f"template: {error}", _place(error, file))) from None
    except TemplateProblem as problem:
        where = _place(problem, file)
        raise ConfigError(Diagnostic(problem.code, problem.message, where, problem.hint)) from None
    except UndefinedError as error:
        message = error.message or "something is undefined"
        name = _UNDEFINED.search(message)
        known = [*renderer.context, *ENVIRONMENT.globals]
        hint = did_you_mean(name[1], known) if name else None
        where = _name_place(file, name[1] if name else "", _offset(error, file))
        raise ConfigError(Diagnostic("US003", f"template: {message}", where, hint)) from None
    except TemplateNotFound as error:
        message, hint = (
            f"template: there is no template {error.name!r} to load",
            "macros of macros/*.sql need no import",
        )
        raise ConfigError(Diagnostic("US001", message, _place(error, file), hint)) from None
    except TemplateError as error:
        raise ConfigError(Diagnostic("US001", f"template: {error.message or error}", _place(error, file))) from None
    except Exception as error:  # a template may raise anything: all of it is the template's fault
        message = f"template: {type(error).__name__}: {error}"
        raise ConfigError(Diagnostic("US001", message, _place(error, file))) from None


def _place(error: BaseException, file: SourceFile) -> Location:
    return file.location(_offset(error, file))


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
    return file.location(min(uses, default=start))
