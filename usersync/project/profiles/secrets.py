"""What no output may show: the names that hold secrets, and the secrets that a profiles file holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from usersync.diagnostics import ConfigError, Diagnostic, Location

SECRET = re.compile(r"pass|pwd|secret|token|credential|private|api_?key|access_?key", re.IGNORECASE)
"""Names whose values no output may show, and that templates may not ask for."""

_SHORTEST_SECRET = 5
"""Shorter ones cannot be told from ordinary words and numbers in what is shown."""


@dataclass
class Secrets:
    """The secrets of a file, told from what it says openly."""

    values: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    """Keys, and values of options that are no secrets."""

    @property
    def hidden(self) -> frozenset[str]:
        """The secrets that no output may show; what the file also says openly is none."""
        return frozenset(s for s in self.values - self.words if len(s) >= _SHORTEST_SECRET)


def problem(message: str, location: Location | None, hint: str | None = None) -> ConfigError:
    """What is wrong at a place of a profiles file, without its line: that may hold a password."""
    return ConfigError(Diagnostic("profile", message, location and replace(location, text=""), hint))
