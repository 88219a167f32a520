"""The rules, a module a family. Docs and `--explain` are made from their docstrings: why, bad, good."""

from __future__ import annotations

from usersync.lint.rule import Rule
from usersync.lint.rules import comments, config, identity, incremental, mapping, pushdown, safety, template
from usersync.lint.rules.registry import REGISTERED, rule

__all__ = [
    "RULES",
    "comments",
    "config",
    "identity",
    "incremental",
    "mapping",
    "pushdown",
    "rule",
    "safety",
    "template",
]

RULES: dict[str, Rule] = dict(sorted(REGISTERED.items()))
"""Every rule by its code, in their order."""
