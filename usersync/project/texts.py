"""Bytes of files as text."""

from __future__ import annotations


def normal_lines(text: str) -> str:
    """The text with `\\n` line ends, as offsets are counted."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode(data: bytes) -> tuple[str, tuple[int, str] | None]:
    """The text of a file in UTF-8, without its byte order mark and with `\\n` line ends.

    Returns:
        The text, and where it is not UTF-8 and why: the offset of the first wrong character.
    """
    try:
        return normal_lines(data.decode("utf-8-sig")), None
    except UnicodeDecodeError as error:
        # What failed begins behind the byte order mark, and so does the place in it.
        before = error.object[: error.start].decode("utf-8-sig", "replace")
        return normal_lines(data.decode("utf-8-sig", "replace")), (len(normal_lines(before)), error.reason)
