"""Rewrites the generated parts of the docs: `python -m tests.docs.generate`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from tests.docs.pages import PAGES, REPO, read
from usersync.cli.main import COMMANDS, cli
from usersync.lint.rule import Rule
from usersync.lint.rules import RULES

_PART = re.compile(r"(<!-- generated: (.+?) -->\n).*?(<!-- /generated -->)", re.DOTALL)
_EXAMPLE = re.compile(r"^(Bad|Good): ", re.MULTILINE)
WIDTH = 88


def commands() -> str:
    """The help of every command."""
    return "".join(_section(name, command) for name, command in every_command())


def every_command() -> Iterator[tuple[str, click.Command]]:
    """The whole command line first, then each command by its name."""
    yield "", cli
    root = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        yield name, command


def _section(name: str, command: click.Command) -> str:
    root = click.Context(cli, info_name="usersync", terminal_width=WIDTH, **cli.context_settings)
    context = click.Context(command, info_name=name, parent=root) if name else root
    title = f"usersync {name}".strip()
    return f"\n## {title}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


def variables() -> str:
    """The environment variable of every global option."""
    rows = ["| option | environment variable |", "|---|---|"]
    for option in cli.params:
        if isinstance(option, click.Option) and option.envvar:
            rows.append(f"| {', '.join(f'`{name}`' for name in option.opts)} | `{option.envvar}` |")
    return "\n".join(rows) + "\n"


def rules() -> str:
    """Every lint rule, from its docstring."""
    return "".join(_rule(rule) for rule in RULES.values())


def _rule(rule: Rule) -> str:
    words = _EXAMPLE.sub(r"- \1: ", inspect.cleandoc(rule.explanation))
    return f"\n### {rule.code} {rule.name}\n\n{rule.level.value.capitalize()}. {words}\n"


def file(path: str) -> str:
    """A file of the repo as a code block, without the comment on its first line."""
    text = re.sub(r"\A\{#.*?#\}\n", "", (REPO / path).read_text(encoding="utf-8"))
    comment = "#" if path.endswith(".yml") else "--"
    return f"```{path.rpartition('.')[2]}\n{comment} {path}\n{text.rstrip()}\n```\n"


def regenerated(text: str) -> str:
    """A page with its generated parts made anew."""

    def part(match: re.Match[str]) -> str:
        name, _, argument = match[2].partition(" ")
        made = file(argument) if argument else {"commands": commands, "variables": variables, "rules": rules}[name]()
        return f"{match[1]}{made}{match[3]}"

    return _PART.sub(part, text)


def main() -> None:
    for page in PAGES:
        text = regenerated(read(page))
        if text != read(page):
            (REPO / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
