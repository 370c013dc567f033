from __future__ import annotations

from pathlib import Path

import pytest

from ser_core.data.archive.prefixes import Prefix, list_part, plan_prefixes
from ser_core.data.storage import FolderStorage, S3Storage, Storage
from ser_core.errors import StorageError
from tests.support.s3 import storage_settings

KEYS = ["2026/11/20/a.wav", "2026/11/21/b.WAV", "2026/11/21/c.txt", "2026/x.wav", "2027/01/d.wav", "e.wav"]
HIDDEN = ["_new/f.wav", "2026/.g.wav", "2026/11/_h.wav", ".wav"]


def filled(storage: Storage) -> Storage:
    for key in (*KEYS, *HIDDEN):
        storage.put(key, b"x")
    return storage


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return filled(FolderStorage(tmp_path))
    settings = storage_settings(request.getfixturevalue("s3_server"))
    return filled(S3Storage(request.getfixturevalue("s3_bucket"), "root", settings.s3))


@pytest.mark.parametrize("at_least", [1, 2, 3, 100])
@pytest.mark.parametrize("max_depth", [0, 1, 2, 9])
def test_the_parts_are_the_whole(storage: Storage, at_least: int, max_depth: int) -> None:
    parts = plan_prefixes(storage, None, at_least, max_depth)
    keys = [info.key for part in parts for info in list_part(storage, part, ["wav"])]
    assert sorted(keys) == sorted(key for key in KEYS if key.lower().endswith(".wav"))
    assert sorted(i.key for p in parts for i in list_part(storage, p, [])) == sorted(KEYS)


def test_splits_go_level_by_level(storage: Storage) -> None:
    assert plan_prefixes(storage, None, 1, 9) == [Prefix("", True)]
    assert plan_prefixes(storage, None, 2, 9) == [Prefix("", False), Prefix("2026/", True), Prefix("2027/", True)]
    assert Prefix("2026/11/21/", False) in plan_prefixes(storage, None, 100, 9)


def test_prefixes_confine_and_do_not_overlap(storage: Storage) -> None:
    parts = plan_prefixes(storage, ["2026/11/21/", "2026/11/", "2026/11/", "2030/"], 2, 9)
    assert [info.key for part in parts for info in list_part(storage, part, ["wav"])] == KEYS[:2]
    assert plan_prefixes(storage, [], 5, 9) == []


def test_a_missing_archive_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="mounted"):
        plan_prefixes(FolderStorage(tmp_path / "nix"), None, 5, 9)
