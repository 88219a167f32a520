"""Files of a project as text, each of which says itself where it cannot be read."""

from __future__ import annotations

from pathlib import Path

from usersync.diagnostics import ConfigError, Diagnostic, SourceFile


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


def source_file(shown: str, data: bytes) -> SourceFile:
    """The text of a file's bytes, as far as it can be read."""
    text, wrong = decode(data)
    return SourceFile(shown, text, (wrong[0], f"it is not UTF-8 ({wrong[1]}): save it as UTF-8") if wrong else None)


def read_text(root: Path, path: Path) -> SourceFile:
    """A project file with its relative path, as far as it can be read."""
    shown = path.relative_to(root).as_posix()
    try:
        return source_file(shown, path.read_bytes())
    except OSError as error:
        return SourceFile(shown, "", (0, (error.strerror or type(error).__name__).lower()))


def read_file(root: Path, path: Path) -> SourceFile:
    """A project file with its relative path.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8 (US001), with the place.
    """
    file = read_text(root, path)
    check_readable(file)
    return file


def check_readable(file: SourceFile) -> None:
    """Refuses a file whose text cannot be read.

    Raises:
        ConfigError: it cannot (US001), with the place.
    """
    if file.unreadable:
        offset, why = file.unreadable
        raise ConfigError(Diagnostic("US001", f"the file cannot be read: {why}", file.location(offset)))
