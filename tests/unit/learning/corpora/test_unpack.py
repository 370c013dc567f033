from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from ser_core.errors import CorpusError
from ser_core.learning.corpora import unpack as module
from ser_core.learning.corpora.unpack import content_id, unpack


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    buffer.seek(0)
    return buffer


def refused(source: io.BytesIO, tmp_path: Path, expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        unpack(source, tmp_path / "in" / "to")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not (tmp_path / "in" / "to").exists()


def test_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    folder = unpack(zipped(("Actor_01/a.wav", b"one"), ("b.wav", b"two")), tmp_path / "to")
    assert (folder / "Actor_01" / "a.wav").read_bytes() == b"one"
    assert (folder / "b.wav").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["to"]


@pytest.mark.parametrize("name", ["../a", "x/../../a", "/a", "x\\..\\a", "C:/a"])
def test_nothing_leads_out(name: str, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("x")
    entry.filename = name
    refused(zipped((entry, b"x")), tmp_path, "leads out")


def test_no_links(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(zipped((entry, b"/etc/passwd")), tmp_path, "is a link")


def test_no_bombs(tmp_path: Path) -> None:
    refused(zipped(("a", bytes(2**22)), compression=zipfile.ZIP_DEFLATED), tmp_path, "times as much")


def test_a_limit_to_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 5)
    refused(zipped(("a", b"123"), ("b", b"456")), tmp_path, "6 bytes unpacked, more than 5")


def test_no_doubled_names(tmp_path: Path) -> None:
    refused(zipped(("a.wav", b"1"), ("A.wav", b"2")), tmp_path, "occur twice")


def test_a_damaged_zip_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    data = bytearray(zipped(("a.wav", b"0123456789")).getvalue())
    data[data.index(b"0123456789")] ^= 0xFF
    refused(io.BytesIO(bytes(data)), tmp_path, "broken")
    refused(io.BytesIO(b"no zip"), tmp_path, "cannot be read as a zip")


def test_an_existing_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    assert unpack(zipped(("a", b"1")), tmp_path / "to") == tmp_path / "to"
    assert not list((tmp_path / "to").iterdir())


def test_the_content_names_a_zip() -> None:
    one, same, other = zipped(("a", b"1")), zipped(("a", b"1"), compression=zipfile.ZIP_DEFLATED), zipped(("a", b"2"))
    assert content_id(one) == content_id(same) != content_id(other)
