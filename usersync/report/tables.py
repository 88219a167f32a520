"""Rows as a table for people: fitted to a terminal, never cut when piped."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, terminal: bool) -> str:
    """An aligned table. On a terminal long cells wrap to its width."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = shutil.get_terminal_size().columns if terminal else 100_000
    out = io.StringIO()
    console = Console(file=out, width=width, no_color=not terminal, force_terminal=False, highlight=False)
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="")
    for header in headers:
        shown.add_column(header, overflow="fold", no_wrap=not terminal)
    for row in rows:
        shown.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(shown)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
