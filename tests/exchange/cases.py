"""The cases of tests/fixtures/exchange: what is right was found by running the reference."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exchange"


@cache
def read(name: str) -> dict[str, Any]:
    """A file of cases."""
    found: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def definition(case: dict[str, Any]) -> dict[str, Any]:
    """The definition of a pipeline case: the base with its changes."""
    found: dict[str, Any] = copy.deepcopy(read("pipelines")["base"])
    for pointer, value in case.get("set", {}).items():
        holder, key = _at(found, pointer)
        if isinstance(holder, list) and key == len(holder):
            holder.append(copy.deepcopy(value))
        else:
            holder[key] = copy.deepcopy(value)
    for pointer in sorted(case.get("remove", ()), reverse=True):
        holder, key = _at(found, pointer)
        del holder[key]
    return found


def _at(value: Any, pointer: str) -> tuple[Any, Any]:
    *parents, last = pointer.strip("/").split("/")
    for part in parents:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value, int(last) if isinstance(value, list) else last
