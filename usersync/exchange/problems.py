"""What is wrong with a definition: a JSON path and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from usersync.diagnostics import ConfigError, Diagnostic


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a definition."""

    path: str
    """As `$.inSchema.properties[2].type.maxLength`."""
    message: str
    hint: str | None = None


class ExpressionError(ValueError):
    """A mapping expression that is refused."""

    def __init__(self, kind: str, message: str, offset: int = 0) -> None:
        """Keeps what is wrong and where.

        Args:
            kind: `parse`, `unknown_column` or `type`.
            message: A sentence for people.
            offset: The character of the expression that it is about.
        """
        super().__init__(message)
        self.kind, self.message, self.offset = kind, message, offset


def refuse(problems: Sequence[Problem], file: str = "") -> None:
    """Raises what is wrong, if anything is.

    Raises:
        ConfigError: there are problems.
    """
    if problems:
        where = f"{file}: " if file else ""
        raise ConfigError([Diagnostic("import", f"{where}{p.path}: {p.message}", hint=p.hint) for p in problems])


def member(path: str, name: str) -> str:
    """The path of an object's member."""
    plain = name.replace("_", "a").isalnum() and name.isascii()
    return f"{path}.{name}" if plain else f"{path}[{name!r}]"
