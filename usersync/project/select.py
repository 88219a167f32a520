"""`--select` and `--exclude`: which pipelines a command is about."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping

from usersync.diagnostics import ConfigError, NothingSelectedError, did_you_mean
from usersync.project.model import Pipeline, Project

METHODS = ("path", "tag", "connection", "name")


def select(project: Project, include: Iterable[str], exclude: Iterable[str] = ()) -> dict[str, Pipeline]:
    """The chosen pipelines in order of their files; all of them without `include`.

    Words separated by blanks are alternatives, those joined by commas must all hold (dbt's habit).

    Raises:
        ConfigError: a selector names a method that does not exist.
        NothingSelectedError: no pipeline is left.
    """
    pipelines = project.pipelines
    wanted = _union(pipelines, include)
    chosen = set(pipelines) if wanted is None else wanted
    chosen -= _union(pipelines, exclude) or set()
    if not chosen:
        raise _nothing(pipelines, " ".join(include), wanted)
    return {stem: model for stem, model in pipelines.items() if stem in chosen}


def _nothing(pipelines: Mapping[str, Pipeline], words: str, wanted: set[str] | None) -> NothingSelectedError:
    if not pipelines:
        hint = "write a model in models/, or see `usersync init`"
        return NothingSelectedError("there are no pipelines in models/", hint=hint)
    if wanted == set():
        return NothingSelectedError(f"no pipeline matches {words!r}", hint=did_you_mean(words, pipelines))
    return NothingSelectedError("--exclude leaves no pipeline")


def pick(project: Project, name: str) -> Pipeline:
    """The one pipeline of a name; its file's path will do too.

    Raises:
        NothingSelectedError: there is none.
    """
    pipelines = project.pipelines
    for model in pipelines.values():
        if name in {model.stem, model.file.path}:
            return model
    raise NothingSelectedError(f"there is no pipeline {name!r}", hint=did_you_mean(name, pipelines))


def _union(pipelines: Mapping[str, Pipeline], selectors: Iterable[str]) -> set[str] | None:
    words = [word for selector in selectors for word in selector.split()]
    if not words:
        return None
    return set().union(*(_intersection(pipelines, word) for word in words))


def _intersection(pipelines: Mapping[str, Pipeline], word: str) -> set[str]:
    return set.intersection(*(_matches(pipelines, part) for part in word.split(",")))


def _matches(pipelines: Mapping[str, Pipeline], selector: str) -> set[str]:
    # A pipeline reads one connection and nothing reads a pipeline, so `+x+` is x alone.
    pattern = selector.strip("+")
    method, _, value = pattern.rpartition(":")
    if method and method not in METHODS:
        raise ConfigError(f"--select knows no method {method!r}", hint=did_you_mean(method, METHODS))
    return {stem for stem, model in pipelines.items() if _match(method, value, stem, model)}


def _match(method: str, value: str, stem: str, model: Pipeline) -> bool:
    match method:
        case "path":
            path = value.rstrip("/")
            return fnmatch.fnmatchcase(model.file.path, path) or model.file.path.startswith(f"{path}/")
        case "tag":
            return any(fnmatch.fnmatchcase(tag, value) for tag in model.tags)
        case "connection":
            return fnmatch.fnmatchcase(model.connection, value)
    return fnmatch.fnmatchcase(stem, value)
