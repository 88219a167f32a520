"""A file's text as it is stored: edits change what they must, and leave line ends and the byte order mark alone."""

from __future__ import annotations

import bisect
import os
import shutil
import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from usersync.diagnostics import Edit
from usersync.project.texts import normal_lines


@dataclass(frozen=True)
class Text:
    """The characters of a file, with its own line ends."""

    raw: str
    marked: bool = False
    """Whether the file begins with a byte order mark."""

    @classmethod
    def of(cls, data: bytes) -> Text:
        """The text of a file's bytes.

        Raises:
            UnicodeDecodeError: they are not UTF-8.
        """
        return cls(data.decode("utf-8-sig"), data.startswith(BOM_UTF8))

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return (BOM_UTF8 if self.marked else b"") + self.raw.encode("utf-8")

    @property
    def normal(self) -> str:
        """With `\\n` line ends, as edits count offsets."""
        return normal_lines(self.raw)

    @cached_property
    def _pairs(self) -> list[int]:
        """The offset in `normal` of each line end that is two characters."""
        parts = self.raw.split("\r\n")[:-1]
        ends, at = [], 0
        for part in parts:
            at += len(part)
            ends.append(at)
            at += 1
        return ends

    def _offset(self, offset: int) -> int:
        return offset + bisect.bisect_left(self._pairs, offset)

    def edited(self, edits: Iterable[Edit]) -> Text:
        """With edits made, which do not overlap; new lines end as most lines here do."""
        end = "\r\n" if len(self._pairs) * 2 > self.raw.count("\n") else "\n"
        raw = self.raw
        for edit in sorted(edits, key=lambda e: (e.start, e.end), reverse=True):
            raw = raw[: self._offset(edit.start)] + edit.text.replace("\n", end) + raw[self._offset(edit.end) :]
        return replace(self, raw=raw)


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all; its permissions stay, and a link stays a link.

    Raises:
        OSError: the folder is not there, or cannot be written.
    """
    path = path.resolve()
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        _copy_mode(path, Path(temporary))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _copy_mode(old: Path, new: Path) -> None:
    if old.exists():
        shutil.copymode(old, new)
    else:
        mask = os.umask(0)
        os.umask(mask)
        new.chmod(0o666 & ~mask)
