"""Secrets kept out of all that is shown and written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def redact(text: str, secrets: Iterable[str]) -> str:
    """A text without any of the secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def redact_data(value: Any, secrets: Iterable[str]) -> Any:
    """The same of every text in a value that becomes JSON: its form, keys and numbers stay."""
    match value:
        case str():
            return redact(value, secrets)
        case dict():
            return {key: redact_data(inner, secrets) for key, inner in value.items()}
        case list() | tuple():
            return [redact_data(inner, secrets) for inner in value]
    return value
