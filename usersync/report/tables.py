"""Rows for people: as a table where it fits, one value a line where it does not; never cut."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence

_GAP = 3


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, terminal: bool) -> str:
    """An aligned table, or on a terminal that is too narrow for it the rows one below the other."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    if terminal and sum(widths) + _GAP * (len(widths) - 1) > shutil.get_terminal_size().columns:
        return _stacked(headers, cells)
    return _aligned(headers, cells)


def _aligned(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=100_000, no_color=True, force_terminal=False, highlight=False)
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="")
    for header in headers:
        shown.add_column(header, no_wrap=True)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    console.print(shown)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _stacked(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Each row as `name   value` lines; what is empty is left out."""
    width = max(map(len, headers))
    blocks = (
        "\n".join(f"{name.ljust(width)}   {cell}" for name, cell in zip(headers, row, strict=True) if cell)
        for row in rows
    )
    return "\n\n".join(blocks)
