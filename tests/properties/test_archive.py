"""Archive: the parts of a listing are the listing, and a pattern reads back what was written with it."""

from __future__ import annotations

import datetime as dt
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from ser_core.data.archive.path_pattern import PathPattern
from ser_core.data.archive.prefixes import list_part, plan_prefixes
from ser_core.data.storage import FolderStorage

_FOLDERS = st.lists(st.sampled_from(["a", "a-", "b", "_c", ".d", "é"]), max_size=4)
_FILES = st.sampled_from(["x.wav", "y.WAV", "z.txt", "_u.wav", "a.wav", "b.wav"])
_KEYS = st.sets(st.builds(lambda folders, file: "/".join([*folders, file]), _FOLDERS, _FILES), max_size=25)
_TEXT = st.text(st.characters(exclude_characters="/_\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(max_examples=40)
@given(_KEYS, st.integers(0, 30), st.integers(0, 5), st.sampled_from([(), ("wav",)]))
def test_the_parts_are_the_listing(keys: set[str], at_least: int, max_depth: int, extensions: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as root:
        storage = FolderStorage(root)
        for key in keys:
            path = storage.local_path(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        assert [info.key for info in storage.list()] == sorted(keys)
        parts = plan_prefixes(storage, None, at_least, max_depth)
        keys = [info.key for part in parts for info in list_part(storage, part, extensions)]
    visible = {key for key in keys if not any(part[0] in "._" for part in key.split("/"))}
    assert sorted(keys) == sorted(key for key in visible if not extensions or key.lower().endswith(".wav"))


@given(st.lists(_TEXT, min_size=1, max_size=3), _TEXT, st.dates(dt.date(1970, 1, 1)), _TEXT)
def test_a_pattern_reads_what_it_wrote(call: list[str], agent: str, day: dt.date, queue: str) -> None:
    pattern = PathPattern("{call_date:%Y/%m/%d}/{queue}/{call_id}_{agent_id}.wav")
    key = f"{day:%Y/%m/%d}/{queue}/{'_'.join(call)}_{agent}.wav"
    expected = {"call_date": day, "queue": queue, "call_id": "_".join(call), "agent_id": agent}
    assert pattern.match(key) == expected
    prefixes = pattern.prefixes([day])
    assert prefixes is not None
    assert key.startswith(prefixes[0])
