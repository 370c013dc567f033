"""What only a folder has: links, permissions, missing roots, file names that are no text."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from pathlib import Path

import pytest

from ser_core.data.storage import FolderStorage, bytes_read, requests
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, StorageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.wav").write_bytes(b"secret")
    return tmp_path / "root"


def keys(root: Path) -> list[str]:
    return [info.key for info in FolderStorage(root).list()]


def test_links_out_of_the_root_are_refused(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "folder").symlink_to(root.parent / "outside")
    (root / "file.wav").symlink_to(root.parent / "outside" / "secret.wav")
    storage = FolderStorage(root)
    assert keys(root) == []
    assert "not followed" in caplog.text
    assert list(storage.children()) == []
    for key in ("folder/secret.wav", "file.wav"):
        with pytest.raises(ObjectForbiddenError, match="links that stay within"):
            storage.read(key)
        with pytest.raises(ObjectForbiddenError):
            storage.put(key, b"x")
    with pytest.raises(ObjectForbiddenError):
        list(storage.list("folder/"))
    assert (root.parent / "outside" / "secret.wav").read_bytes() == b"secret"


def test_links_within_the_root(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a" / "x.wav").write_bytes(b"x")
    (root / "y.wav").symlink_to(root / "a" / "x.wav")
    (root / "loop").symlink_to(root)
    (root / "dangling.wav").symlink_to(root / "gone.wav")
    assert keys(root) == ["a/x.wav", "y.wav"]
    assert FolderStorage(root).read("y.wav") == b"x"


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    (root / "x.wav").write_bytes(b"x")
    link = root.parent / "link"
    link.symlink_to(root)
    assert keys(link) == ["x.wav"]


def test_two_spellings_of_a_file_are_refused(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a" / "x.wav").write_bytes(b"x")
    for key in ("a//x.wav", "a/x.wav/"):
        with pytest.raises(ObjectForbiddenError, match="single '/'"):
            FolderStorage(root).read(key)


def test_a_name_that_is_no_utf8_is_listed_and_read(root: Path) -> None:
    name = os.fsdecode(b"M\xfcller.wav")
    (root / name).write_bytes(b"x")
    assert keys(root) == [r"M\xfcller.wav"]
    assert FolderStorage(root).read(r"M\xfcller.wav") == b"x"


def test_a_line_break_is_part_of_a_name(root: Path) -> None:
    storage = FolderStorage(root)
    storage.put("line\nbreak.wav", b"x")
    assert keys(root) == ["line\nbreak.wav"]
    assert storage.read("line\nbreak.wav") == b"x"


def test_what_is_no_file_is_not_listed(root: Path) -> None:
    os.mkfifo(root / "pipe.wav")
    assert keys(root) == []


def test_a_missing_root_is_empty_until_checked(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "later")
    assert list(storage.list()) == []
    with pytest.raises(StorageError, match="mounted"):
        storage.check()
    storage.put("x/y", b"z")
    storage.check()
    assert storage.local_path("x/y").read_bytes() == b"z"


def test_permissions_and_disks_are_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "x").write_bytes(b"x")
    storage = FolderStorage(root)

    def fail(error: type[OSError], number: int) -> None:
        def opened(*_: object) -> None:
            raise error(number, os.strerror(number))

        monkeypatch.setattr(Path, "open", opened)

    fail(PermissionError, 13)
    with pytest.raises(ObjectForbiddenError, match="Permission denied"):
        storage.read("x")
    fail(OSError, 116)
    with pytest.raises(StorageError, match="Stale file handle"):
        storage.read("x")
    fail(FileNotFoundError, 2)
    with pytest.raises(ObjectMissingError):
        storage.read("x")


def test_a_writer_that_fails_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FolderStorage(root)
    storage.put("x.parquet", b"old")
    seen: list[Path] = []

    def fail(_: int) -> None:
        seen.extend(path.relative_to(root) for path in root.rglob("*") if path.is_file())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        storage.put("x.parquet", b"new")
    assert storage.read("x.parquet") == b"old"
    (unfinished,) = [path for path in seen if path.name != "x.parquet"]
    assert str(unfinished.parent) == "_state/unfinished"
    assert not unfinished.name.endswith(".parquet")
    assert not list((root / "_state" / "unfinished").iterdir())
    assert keys(root) == ["x.parquet"]


def test_a_missing_source_is_not_taken_for_the_target(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match="source"):
        FolderStorage(root).put("x", root / "source")


def test_what_a_killed_writer_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FolderStorage(tmp_path)
    storage.put("features/a.parquet", b"whole")
    folder = tmp_path / "_state" / "unfinished"
    old, new = (folder / f"{letter * 32}" for letter in "ab")
    other = tmp_path / "features" / "_table.unfinished"
    for path in (old, new, other):
        path.write_bytes(b"half")
    hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    for path in (old, other, tmp_path / "features" / "a.parquet"):
        os.utime(path, (hour_ago.timestamp(), hour_ago.timestamp()))
    seen: list[str] = []
    whole = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(str(path)) or whole(path))
    assert storage.sweep(hour_ago + dt.timedelta(minutes=1)) == 1
    assert [path.rstrip("/") for path in seen] == [str(folder)]  # whatever the age of the tables
    assert not old.exists()
    assert new.exists()
    assert other.exists()
    assert storage.read("features/a.parquet") == b"whole"
    assert storage.sweep(hour_ago) == 0


def test_an_unfinished_file_is_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FolderStorage(tmp_path)
    seen: list[object] = []
    flush = os.fsync

    def look(number: int) -> None:
        seen.append([path.parent.name for path in tmp_path.rglob("*") if path.is_file()])
        seen.append((keys(tmp_path), list(storage.children())))
        flush(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", look)
        storage.put("t/x.parquet", b"1")
    assert seen[:2] == [["unfinished"], ([], [])]
    assert list(storage.children()) == ["t/"]
    storage.put("_state/x", b"1")
    assert list(storage.children()) == ["_state/", "t/"]
    assert keys(tmp_path) == ["_state/x", "t/x.parquet"]


def test_an_open_temporary_file_is_put_from_its_start(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "root")
    with tempfile.TemporaryFile() as file:
        file.write(b"whole")
        storage.put("x", file)
        assert not file.closed
    assert storage.read("x") == b"whole"


def test_a_file_is_fetched_with_its_own_version(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    storage.put("x", b"12")
    info, file = storage.fetch("x", 0)
    with file:
        assert info == storage.info("x")
        assert file.read() == b"12"


def test_requests_and_bytes_are_counted(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    storage.put("a/x", b"1" * 200_000)
    before, read = requests(), bytes_read()
    storage.put("a/y", b"2")
    assert storage.put_if_absent("a/y", b"3") is False
    assert len(list(storage.list("a/"))) == 2
    assert storage.exists("a/x")
    storage.read("a/y")
    storage.delete("a/y")
    with storage.open_ranges("a/x") as file:
        file.seek(150_000)
        file.read(10)
    assert {kind: count - before[kind] for kind, count in requests().items()} == {
        "list": 1, "get": 2, "head": 1, "put": 2, "delete": 1
    }  # fmt: skip
    assert 11 <= bytes_read() - read < 50_000
