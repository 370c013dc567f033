from __future__ import annotations

import datetime as dt

import pyarrow as pa
from rich.console import Console, RenderableType

from ser_core.data.tables.schemas import CALL_EMOTIONS
from ser_core.report.terminal import posterior_bars, rows_table


def printed(renderable: RenderableType, width: int = 100) -> list[str]:
    console = Console(width=width, record=True, color_system=None, file=None, quiet=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get().splitlines()


def test_posteriors_stand_greatest_first_and_bars_have_their_lengths() -> None:
    lines = printed(posterior_bars({"calm": 0.25, "angry": 0.5, "sad": 0.25}))
    assert [line.split()[0] for line in lines] == ["angry", "calm", "sad"]
    assert [line.count("━") for line in lines] == [20, 10, 10]
    assert lines[0].rstrip().endswith("0.500")


def test_a_narrow_table_is_shown_whole_without_notes() -> None:
    rows = [{"emotion": "calm", "n": 3}, {"emotion": "angry", "n": None}]
    text = "\n".join(printed(rows_table(rows, width=100, max_rows=10)))
    assert "calm" in text
    assert "–" in text
    assert "shown" not in text
    assert "cut" not in text


def test_rows_left_off_are_counted() -> None:
    lines = printed(rows_table([{"n": i} for i in range(1234)], width=100, max_rows=20))
    assert any("20 of 1,234 rows are shown." in line for line in lines)


def test_a_wide_table_fits_and_names_what_is_left_off() -> None:
    row = dict.fromkeys(CALL_EMOTIONS.schema.names) | {"call_id": "call-1", "call_date": dt.date(2026, 3, 2)}
    table = pa.Table.from_pylist([row, row], schema=CALL_EMOTIONS.schema)
    lines = printed(rows_table(table, width=100, max_rows=20))
    assert max(map(len, lines)) <= 100
    text = " ".join(lines)
    assert f"of {len(table.column_names)} columns fit; not shown:" in text
    shown = lines[1]
    assert all(name in shown or name in text.partition("not shown:")[2] for name in table.column_names)
    assert "…" not in shown


def test_cut_cells_are_noted() -> None:
    rows = [{"uri": "s3://bucket/" + "x" * 60, "n": 1}, {"uri": "b", "n": 2}]
    text = "\n".join(printed(rows_table(rows, width=100, max_rows=5)))
    assert "…" in text
    assert "cut at 28 characters" in text


def test_one_row_is_shown_as_a_record_with_every_column_and_whole_cells() -> None:
    row = {f"column_{i}": i for i in range(40)} | {"uri": "y" * 150}
    text = "\n".join(printed(rows_table([row], width=100, max_rows=5)))
    assert all(f"column_{i}" in text for i in range(40))
    assert text.count("y") == 150


def test_an_empty_table_has_the_columns() -> None:
    assert printed(rows_table(pa.table({"a": [], "b": []}), width=100, max_rows=5)) == ["no rows (columns: a, b)"]


def test_brackets_are_text_and_no_markup() -> None:
    assert "[red]x" in "\n".join(printed(rows_table([{"a": "[red]x"}, {"a": "y"}], width=100, max_rows=5)))
