"""A recording counts from its newest file, under each feature set and condition."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ser_core.data.tables.newest import EXTRACTION, FILE, features_key, newest

ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from("fg"), st.sampled_from("rs"), st.integers(0, 12)
    ),
    max_size=40,
)


def table(rows: list[tuple[str, str, str, str, int]]) -> pa.Table:
    columns = dict(zip(EXTRACTION, zip(*(row[:4] for row in rows), strict=True), strict=True)) if rows else {}
    files = [f"channels/call_date=2026-03-02/run{row[4]:02d}-00000-{row[4]}.parquet" for row in rows]
    data = {name: pa.array(columns.get(name, []), pa.string()) for name in EXTRACTION}
    return pa.table({**data, FILE: pa.array(files, pa.string()), "n": list(range(len(rows)))})


@given(ROWS)
def test_as_a_plain_search_says(rows: list[tuple[str, str, str, str, int]]) -> None:
    expected = [n for n, row in enumerate(rows) if row[4] == max(other[4] for other in rows if other[:4] == row[:4])]
    assert newest(table(rows))["n"].to_pylist() == expected


def test_the_name_counts_and_not_the_folder() -> None:
    rows = table([("a", "1", "f", "r", 1), ("a", "1", "f", "r", 2)])
    moved = pa.array(["channels/call_date=2026-09-09/run01.parquet", "channels/call_date=2026-01-01/run02.parquet"])
    rows = rows.set_column(rows.schema.get_field_index(FILE), FILE, moved)
    assert newest(rows)["n"].to_pylist() == [1]


def test_features_lie_beside_channels() -> None:
    assert features_key("channels/call_date=2026-03-02/x-1-2.parquet") == "features/call_date=2026-03-02/x-1-2.parquet"
