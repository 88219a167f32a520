"""The packages in the order that data flows: each imports only from those before it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "usersync"
ORDER = ["project", "compile", "lint", "sources", "warehouse", "resolve", "build", "report", "cli"]
BELOW = {"", "diagnostics"}
"""The package itself, for its version, and what is wrong and where."""
SIDE = {"functions", "exchange", "serve"}
"""At the side: they may use every layer but the command line, and only build and those after it use them."""
ROOMS = {
    "project.jinja": {"jinja", "texts"},
    "project.profiles": {"profiles", "model", "texts"},
    "project.sql": {"jinja", "sql"},
}
"""Folders in a layer that know less than it: what of the layer they import."""
FILES = sorted(PACKAGE.rglob("*.py"))


def layer(module: str) -> str:
    """`usersync.build.run` is of layer `build`."""
    return module.partition(".")[2].split(".")[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of every module of ours that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names = [node.module or ""]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "usersync")


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def reach(own: str) -> set[str]:
    """The layers that one may import from."""
    if own in {"__init__", *BELOW}:
        return BELOW
    if own in SIDE:
        return BELOW | {own, *ORDER[:-1]}
    last = len(ORDER) - 1 if own == "__main__" else ORDER.index(own)
    return BELOW | set(ORDER[: last + 1]) | (SIDE if last >= ORDER.index("build") else set())


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_layer_imports_only_from_those_before_it(path: Path) -> None:
    allowed = reach(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    wrong = [f"{name(path)}:{line}: {module}" for line, module in imports(path) if layer(module) not in allowed]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_a_layer_imports_only_what_it_knows(room: str) -> None:
    home, folder = layer(f"usersync.{room}"), PACKAGE / room.replace(".", "/")
    found = {
        module.removeprefix(f"usersync.{home}.").split(".")[0]
        for path in folder.rglob("*.py")
        for _, module in imports(path)
        if layer(module) == home
    }
    assert found == ROOMS[room]


def test_every_folder_is_a_layer() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders - SIDE == set(ORDER)


def test_nothing_prints_but_the_command_line() -> None:
    calls = [
        f"{name(path)}:{node.lineno}"
        for path in FILES
        if "cli" not in path.relative_to(PACKAGE).parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []


def test_nothing_exits_but_the_command_line() -> None:
    calls = [
        f"{name(path)}:{node.lineno}"
        for path in FILES
        if not path.is_relative_to(PACKAGE / "cli")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sys.exit", "exit", "quit", "os._exit"}
    ]
    assert calls == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [name(path) for path in FILES if path.read_text("utf-8").strip() and not docstring(path)]
    assert silent == []


def docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text("utf-8")))
