"""What SQL cannot give back of a definition: kept in a comment of the model, each part beside a mark of its SQL.

A part is valid as long as the SQL that was made of it is unchanged; once someone edits that, it is passed over.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_BLOCK = re.compile(r"\n*\{#-?\s*usersync:import\s+(\{.*?\})\s*-?#\}\n?", re.DOTALL)

Kept = Mapping[str, Mapping[str, Any]]


def mark(sql: str) -> str:
    """A short mark of what was made of a part."""
    return hashlib.sha256(sql.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def block(kept: Kept) -> str:
    """The comment that keeps parts."""
    text = json.dumps(kept, indent=2, ensure_ascii=False).replace("#}", "\\u0023}").replace("{#", "{\\u0023")
    return f"\n{{# usersync:import {text} #}}\n"


def kept_parts(text: str) -> Kept:
    """What a model's text keeps; nothing where the comment was broken by hand."""
    found = _BLOCK.search(text)
    try:
        parts = json.loads(found[1]) if found else {}
    except (ValueError, RecursionError):
        return {}
    good = isinstance(parts, dict) and all(isinstance(p, dict) and {"was", "of"} <= set(p) for p in parts.values())
    return parts if good else {}
