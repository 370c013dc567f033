"""Ingest: whatever the runs before, a full listing leaves each recording on its date, once."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.data.storage import FolderStorage
from ser_core.data.tables.schemas import RECORDINGS
from ser_core.data.tables.store import TableStore
from tests.support.archives import SmallArchive
from tests.support.pipeline import same_rows

DAYS = tuple(dt.date(2026, 3, day) for day in (2, 3, 4))
FLAT = {"archive": {"pattern": "{call_id}-{part}.wav"}}
DATED = {"archive": {"pattern": "{call_date:%Y/%m/%d}/{call_id}-{part}.wav"}}

_DAY = st.sampled_from(DAYS)
_CALL = st.sampled_from(["c1", "c2"])
_PART = st.sampled_from(["1", "2"])
_QUEUE = st.sampled_from(["q1", "q2"])


@settings(max_examples=20)
@given(
    st.sets(st.tuples(_DAY, _CALL, _PART), max_size=6),
    st.dictionaries(st.tuples(_DAY, _CALL), _QUEUE, max_size=4),
    st.booleans(),
    st.lists(_DAY, max_size=4),
)
def test_single_dates_in_any_order_and_a_full_listing_are_the_full_listing(
    files: set[tuple[dt.date, str, str]], known: Mapping[tuple[dt.date, str], str], dated: bool, order: list[dt.date]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = SmallArchive(Path(folder), DATED if dated else FLAT)
        keys = {
            f"{day:%Y/%m/%d}/{call}-{part}.wav" if dated else f"{call}-{part}.wav": day for day, call, part in files
        }
        for key, day in keys.items():
            archive.put(key, day)
        for day in DAYS:
            rows = [{"call_id": call, "queue": queue} for (of_day, call), queue in known.items() if of_day == day]
            if rows:
                archive.metadata(*rows, name=f"calls-{day}.csv")
        metadata = {"archive": {"metadata": f"{folder}/calls-{{call_date}}.csv"}}
        if order:
            archive.ingest(*order, changes=metadata)
        archive.ingest(changes=metadata)
        assert set(archive.recordings()) == set(keys)
        (archive.root / "tables").rename(archive.root / "parts")
        archive.ingest(changes=metadata)
        same_rows(TableStore(FolderStorage(archive.root / "parts")), archive.store, RECORDINGS)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "delete", "correct", "run", "extract"]), _CALL, _DAY, st.booleans()),
        max_size=12,
    )
)
def test_a_recording_is_on_one_date_after_any_history(steps: list[tuple[str, str, dt.date, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = SmallArchive(Path(folder), {**FLAT, "retention": {"max_gone_share": 1.0}})
        uri = archive.metadata({"call_id": "none", "call_date": ""})
        changes = {"archive": {"metadata": uri}}
        written: dict[str, dt.date] = {}
        stated: dict[str, dt.date] = {}
        heard: dict[str, str] = {}
        for number, (step, call, day, full) in enumerate(steps):
            key = f"{call}-1.wav"
            if step == "write":
                archive.put(key, day)
                written[key] = day
            elif step == "delete" and key in written:
                archive.delete(key)
                del written[key]
            elif step == "correct":
                stated[call] = day
                rows = [{"call_id": name, "call_date": of_day.isoformat()} for name, of_day in stated.items()]
                archive.metadata(*rows)
            elif step == "extract":
                fresh = [key for key, row in archive.recordings().items() if not row["gone_at"]]
                if fresh:
                    archive.extract(*fresh, run=f"20260301T0000{number:02d}-000000")
                    heard |= {key: archive.recordings()[key]["version"] for key in fresh}
            else:
                archive.ingest(*(() if full else (day,)), changes=changes)
                archive.recordings()  # fails where one is on two dates
        archive.ingest(changes=changes)
        rows = archive.recordings()
        present = {key: row["call_date"] for key, row in rows.items() if not row["gone_at"]}
        assert present == {key: stated.get(key.partition("-")[0], day) for key, day in written.items()}
        kept = {key for key in present if heard.get(key) == rows[key]["version"]}
        assert set(archive.extracted()) >= kept  # nothing is extracted again because it has moved
