"""Posteriors and tables at a terminal, as rich renderables. Omitted rows, columns and characters are always noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ser_core.report.colours import colour

CELL_WIDTH = 28
"""Most characters of a cell in a table of several columns."""

_BAR_WIDTH = 40
_FRAME = 1  # width of a table's outer border
_PADDING = 3  # width of a column beside its text: two spaces and a border


def posterior_bars(posteriors: Mapping[str, float]) -> RenderableType:
    """A bar for each emotion, largest first; `posteriors` are by emotion name, 0 to 1."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    table.add_column(width=_BAR_WIDTH)
    table.add_column(justify="right")
    ranked = sorted(posteriors.items(), key=lambda item: -item[1])
    for rank, (emotion, posterior) in enumerate(ranked):
        style = "bold" if rank == 0 else ""
        bar = Text("━" * round(posterior * _BAR_WIDTH), style=colour(emotion))
        table.add_row(Text(emotion, style=style), bar, Text(f"{posterior:.3f}", style=style))
    return table


def rows_table(
    rows: pa.Table | Sequence[Mapping[str, Any]], *, width: int, max_rows: int, title: str | None = None
) -> RenderableType:
    """A table of at most `max_rows` rows on a terminal of `width` columns.

    A single row is shown with one line per column. Of several rows, as many leading columns are shown as fit. Notes
    below have the number of omitted rows, the omitted columns, and whether cells were cut.
    """
    data = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist([dict(row) for row in rows])
    if data.num_rows == 0:
        heading = f"{title}: " if title else ""
        return Text(f"{heading}no rows (columns: {', '.join(data.column_names) or 'none'})")
    shown = data.slice(0, max_rows)
    names = data.column_names
    cells = [[_cell(value) for value in shown.column(i).to_pylist()] for i in range(len(names))]
    if data.num_rows == 1 and shown.num_rows == 1:
        return _record(names, [column[0] for column in cells], title)
    widths = [min(max(map(cell_len, [name, *column])), CELL_WIDTH) for name, column in zip(names, cells, strict=True)]
    fitting = _fitting(widths, width)
    table = Table(title=title, title_justify="left")
    for name, kind, column_width in zip(names[:fitting], data.schema.types, widths, strict=False):
        justify = "right" if _is_number(kind) else "left"
        table.add_column(Text(name), justify=justify, no_wrap=True, overflow="ellipsis", width=column_width)  # type: ignore[arg-type]
    for row in zip(*cells[:fitting], strict=True):
        table.add_row(*map(Text, row))
    cut = any(cell_len(text) > w for column, w in zip(cells[:fitting], widths, strict=False) for text in column)
    notes = _notes(data.num_rows, shown.num_rows, names, fitting, cut)
    return Group(table, *(Text(note, style="dim") for note in notes))


def _fitting(widths: Sequence[int], width: int) -> int:
    """The number of leading columns that fit on `width`; at least one."""
    used, fitting = _FRAME, 0
    for column_width in widths:
        used += column_width + _PADDING
        if used > width:
            break
        fitting += 1
    return max(fitting, 1)


def _notes(rows: int, shown_rows: int, names: Sequence[str], fitting: int, cut: bool) -> list[str]:
    notes = []
    if shown_rows < rows:
        notes.append(f"{shown_rows:,} of {rows:,} rows are shown.")
    if fitting < len(names):
        notes.append(f"{fitting} of {len(names)} columns fit; not shown: {', '.join(names[fitting:])}.")
    if cut:
        notes.append(f"Cells that end in … are cut at {CELL_WIDTH} characters.")
    return notes


def _record(names: Sequence[str], cells: Sequence[str], title: str | None) -> RenderableType:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in zip(names, cells, strict=True):
        table.add_row(Text(name, style="bold"), Text(text))
    return table


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000.0 else f"{value:,.1f}"
    return str(value).replace("\n", " ")
