"""What templates can call, and the rendering of a model's query."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Undefined
from sqlglot import exp

from usersync.diagnostics import ConfigError, Diagnostic, SourceFile, did_you_mean
from usersync.project.jinja.code import SETTINGS
from usersync.project.jinja.functions import Function, TemplateProblem
from usersync.project.jinja.macros import Library
from usersync.project.jinja.rendered import Rendered
from usersync.project.jinja.renderer import check_template, render
from usersync.project.model import Pipeline, Profile, Project
from usersync.project.profiles.secrets import SECRET

PLACEHOLDER = "${updated_at}"
"""What `{{ updated_at }}` renders: the compiler finds it in the parsed SQL."""


def render_model(project: Project, model: Pipeline, *, incremental: bool) -> Rendered:
    """The query of a model as SQL, with `is_incremental()` as told.

    Raises:
        ConfigError: the template is broken (US001), uses an unknown name (US003) or model (US004), or itself (US005).
    """
    return render(model.file, project.library, _Context(project, model, incremental).names())


def render_users(file: SourceFile, library: Library, profile: Profile | None, variables: Mapping[str, Any]) -> Rendered:
    """`users.sql` as DDL."""
    return render(file, library, _common(profile, variables))


def check_macros(project: Project, files: Iterable[SourceFile]) -> list[Diagnostic]:
    """What is wrong in files of macros, whether a model calls them or not."""
    nobody = Pipeline("", SourceFile("", ""), name="")
    known = _Context(project, nobody, False).names().keys() | project.library.owners.keys()
    problems: list[Diagnostic] = []
    for file in files:
        try:
            check_template(file, known)
        except ConfigError as error:
            problems += error.diagnostics
    return problems


def _env_var(name: str, default: str | None = None) -> str:
    if SECRET.search(name):
        hint = "secrets are named in profiles.yml only"
        raise TemplateProblem("US107", f"env_var({name!r}) looks like a secret", hint)
    value = os.environ.get(name, default)
    if value is None:
        hint = f"set it, or give a default: env_var({name!r}, '…')"
        raise TemplateProblem("US003", f"environment variable {name} is not set", hint)
    return value


def _silent(*_: Any, **__: Any) -> str:
    """Settings are read from the syntax tree: rendered they are nothing."""
    return ""


def _functions(**functions: Callable[..., Any]) -> dict[str, Any]:
    return {name: Function(name, function) for name, function in functions.items()}


def _common(profile: Profile | None, variables: Mapping[str, Any]) -> dict[str, Any]:
    def var(name: str, default: Any = Undefined) -> Any:
        if name in variables:
            return variables[name]
        if default is Undefined:
            hint = f"give it with --vars '{{{name}: …}}', or a default: var({name!r}, …)"
            raise TemplateProblem("US003", f"var {name!r} is not set", hint)
        return default

    target = {"name": profile.target, "profile_name": profile.name} if profile else {"name": "", "profile_name": ""}
    return {"target": target} | _functions(var=var, env_var=_env_var, **dict.fromkeys(SETTINGS, _silent))


def _quoted(name: str, dialect: str) -> str:
    """A name as a quoted identifier of a dialect; of one that does not exist, as in standard SQL."""
    try:
        return exp.to_identifier(name, quoted=True).sql(dialect=dialect)
    except ValueError:
        return f'"{name}"'


class _Context:
    """The names that one model's template can use."""

    def __init__(
        self, project: Project, model: Pipeline, incremental: bool, trail: tuple[str, ...] = (), dialect: str = ""
    ) -> None:
        self.project = project
        self.dialect = dialect or model.dialect
        self.model = model
        self.incremental = incremental
        self.trail = (*trail, model.stem)

    def names(self) -> dict[str, Any]:
        return _common(self.project.profile, self.project.vars) | {
            "updated_at": PLACEHOLDER,
            "this": {"name": self.model.stem, "connection": self.model.connection},
            **_functions(is_incremental=self.is_incremental, source=self.source, ref=self.ref),
        }

    def is_incremental(self) -> bool:
        return self.incremental

    def source(self, connection: str, table: str) -> str:
        if self.model.connection and connection != self.model.connection:
            message = f"source({connection!r}, …): this pipeline reads connection {self.model.connection!r}"
            raise TemplateProblem("US004", message, "a pipeline reads one connection: write one pipeline for each")
        return ".".join(_quoted(part, self.dialect) for part in (connection, *table.replace('"', "").split(".")))

    def ref(self, name: str) -> str:
        views = {stem: model for stem, model in self.project.models.items() if model.kind == "view"}
        if name in self.trail:
            cycle = " -> ".join((*self.trail, name))
            raise TemplateProblem("US005", f"ref({name!r}) goes round in a circle: {cycle}")
        if name not in views:
            message = f"ref({name!r}): there is no view of that name"
            hint = did_you_mean(name, views) or "a view is a model with config(kind = 'view')"
            raise TemplateProblem("US004", message, hint)
        context = _Context(self.project, views[name], self.incremental, self.trail, self.dialect)
        sql = render(views[name].file, self.project.library, context.names()).sql
        return f"(\n{sql.strip().removesuffix(';')}\n)"
