"""The contract of a storage, kept by a folder and by S3 alike."""

from __future__ import annotations

import datetime as dt
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ser_core.data.storage import Storage, locate, open_storage
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, SettingsError
from tests.support.s3 import storage_settings

ODD_NAMES = [
    "a b.wav",
    "Müller é 通話.wav",
    "50%.wav",
    "%2F.wav",
    "a#b?c=d&e+f.wav",
    "x:y;z'\"(1)~.wav",
    "..hidden..wav",
]


@pytest.fixture(params=["folder", "s3", "s3 root", "moto"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return opened(request.param, request, tmp_path)


@pytest.fixture(params=["folder", "moto"])
def strict(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Storages that keep S3's order of keys and every byte of a key; SeaweedFS takes keys for paths of folders."""
    return opened(request.param, request, tmp_path)


def opened(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if kind == "folder":
        return open_storage(str(tmp_path / "root"), storage_settings())
    server, made = ("moto_url", "moto_bucket") if kind == "moto" else ("s3_server", "s3_bucket")
    endpoint_url, bucket = request.getfixturevalue(server), request.getfixturevalue(made)
    root = f"s3://{bucket}" if kind == "s3 root" else f"s3://{bucket}/a b/root"
    return open_storage(root, storage_settings(endpoint_url))


def keys(storage: Storage, prefix: str = "", recursive: bool = True) -> list[str]:
    return [info.key for info in storage.list(prefix, recursive)]


def test_what_is_put_is_read(storage: Storage) -> None:
    before = dt.datetime.now(dt.UTC)
    storage.put("2026/11/a.wav", b"first")
    storage.put("2026/11/a.wav", b"second!")
    assert storage.read("2026/11/a.wav") == b"second!"
    info = storage.info("2026/11/a.wav")
    assert (info.key, info.size_bytes) == ("2026/11/a.wav", 7)
    assert info.modified_at.tzinfo is dt.UTC
    assert abs(info.modified_at - before) < dt.timedelta(seconds=60)
    assert storage.exists("2026/11/a.wav")
    assert not storage.exists("2026/11")


def test_an_empty_object_is_an_object(storage: Storage) -> None:
    storage.put("empty.wav", b"")
    assert storage.read("empty.wav") == b""
    assert [info.size_bytes for info in storage.list()] == [0]


def test_a_file_is_put(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    data = bytes(range(256)) * 40_000  # above the 8 MB from which boto3 uploads in parts
    source.write_bytes(data)
    storage.put("big.bin", source)
    assert storage.read("big.bin") == data


def test_the_version_follows_the_content(storage: Storage) -> None:
    storage.put("a.wav", b"one")
    first = storage.info("a.wav")
    storage.put("a.wav", b"three")
    second = storage.info("a.wav")
    assert first.version != second.version
    assert [info.version for info in storage.list()] == [second.version]
    assert len(second.version) == 16


def test_listing_is_in_the_order_of_keys(strict: Storage) -> None:
    storage = strict
    names = [
        "b/c.wav",
        "b.wav",
        "b-c.wav",
        "b/a/x.wav",
        "B.wav",
        "é.wav",
        "b0.wav",
        "_own",
        ".dot",
        "\U0001f600",
        "\uffee",
    ]
    for name in names:
        storage.put(name, b"x")
    assert keys(storage) == sorted(names)
    assert keys(storage, recursive=False) == sorted(n for n in names if "/" not in n)
    assert list(storage.children()) == ["b/"]
    assert list(storage.children("b/")) == ["b/a/"]
    assert keys(storage, "b/", recursive=False) == ["b/c.wav"]


def test_a_listing_is_complete(storage: Storage) -> None:
    names = ["b/c.wav", "b.wav", "b-c.wav", "b/a/x.wav", "B.wav", "_own", ".dot"]
    for name in names:
        storage.put(name, b"x")
    assert sorted(keys(storage)) == sorted(names)
    assert sorted(keys(storage, recursive=False)) == sorted(n for n in names if "/" not in n)
    assert list(storage.children()) == ["b/"]
    assert list(storage.children("b/")) == ["b/a/"]
    assert keys(storage, "b/", recursive=False) == ["b/c.wav"]


def test_a_backslash_is_part_of_a_name(strict: Storage) -> None:
    strict.put("back\\slash.wav", b"x")
    assert keys(strict) == ["back\\slash.wav"]
    assert strict.read("back\\slash.wav") == b"x"


def test_a_prefix_is_the_beginning_of_a_key(storage: Storage) -> None:
    for name in ["2026/20261121_a.wav", "2026/20261122_b.wav", "2026/20261121/c.wav", "2027/x.wav"]:
        storage.put(name, b"x")
    assert sorted(keys(storage, "2026/20261121")) == ["2026/20261121/c.wav", "2026/20261121_a.wav"]
    assert keys(storage, "2026/20261121", recursive=False) == ["2026/20261121_a.wav"]
    assert list(storage.children("20")) == ["2026/", "2027/"]
    assert list(storage.children("2026/2026112")) == ["2026/20261121/"]
    assert keys(storage, "nowhere/") == []
    assert list(storage.children("nowhere/")) == []


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(storage: Storage, name: str) -> None:
    storage.put(f"d/{name}", name.encode())
    assert keys(storage) == [f"d/{name}"]
    assert storage.read(f"d/{name}") == name.encode()
    assert storage.info(f"d/{name}").size_bytes == len(name.encode())
    uri = storage.uri_of(f"d/{name}")
    assert storage.key_of(uri) == f"d/{name}"
    other, key = locate(uri, storage_settings(storage._settings.endpoint_url if uri.startswith("s3") else None))
    assert other.read(key) == name.encode()
    storage.delete(f"d/{name}")
    assert keys(storage) == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./a", "a/./b", "nul\0"])
def test_keys_are_confined(storage: Storage, key: str) -> None:
    for use in (storage.read, storage.info, storage.delete, storage.local_path):
        with pytest.raises(ObjectForbiddenError, match="no key below"):
            use(key)
    with pytest.raises(ObjectForbiddenError):
        storage.put(key, b"x")
    with pytest.raises(ObjectForbiddenError):
        storage.put_if_absent(key, b"x")
    with pytest.raises(ObjectForbiddenError):
        storage.open(key, 0)


def test_what_is_not_there_is_missing(storage: Storage) -> None:
    storage.put("folder/x", b"x")
    for key in ("nix", "folder", "folder/x/y"):
        for use in (storage.read, storage.info, lambda key: storage.open(key, 10)):
            with pytest.raises(ObjectMissingError, match=r"not there|no file"):
                use(key)
    storage.delete("nix")


@pytest.mark.parametrize("memory_bytes", [0, 5, 1 << 20])
def test_open_gives_a_seekable_copy(storage: Storage, memory_bytes: int) -> None:
    data = bytes(range(200))
    storage.put("x", data)
    with storage.open("x", memory_bytes) as file:
        assert file.tell() == 0
        assert file.read(3) == data[:3]
        file.seek(-5, 2)
        assert file.read() == data[-5:]
        file.seek(0)
        assert file.read() == data


@pytest.mark.parametrize("size_bytes", [0, 1, 200, 2**16, 2**16 + 5, 5 * 2**20 + 7])
def test_ranges_are_read(storage: Storage, size_bytes: int) -> None:
    data = (bytes(range(251)) * (size_bytes // 251 + 1))[:size_bytes]
    storage.put("x", data)
    with storage.open_ranges("x") as file:
        assert file.seek(0, 2) == size_bytes
        end = max(size_bytes - 2**16, 0)
        for start, count in (
            (4, 100),
            (2**20 - 1, 2),
            (2**20 + 5, 2**21),
            (size_bytes, 1),
            (max(end - 9, 0), 20),
            (0, -1),
        ):
            assert file.seek(start) == start
            assert file.read(count) == (data[start:] if count < 0 else data[start : start + count])
    for key, kind in (("nix", ObjectMissingError), ("../x", ObjectForbiddenError)):
        with pytest.raises(kind):
            storage.open_ranges(key)


def test_put_if_absent(storage: Storage) -> None:
    assert storage.put_if_absent("deep/lease", b"mine")
    assert not storage.put_if_absent("deep/lease", b"theirs")
    assert storage.read("deep/lease") == b"mine"
    assert keys(storage) == ["deep/lease"]
    storage.delete("deep/lease")
    assert storage.put_if_absent("deep/lease", b"theirs")


def test_of_many_writers_one_succeeds(storage: Storage) -> None:
    for turn in range(3):
        barrier = threading.Barrier(16)

        def write(number: int, turn: int = turn, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait()
            return storage.put_if_absent(f"{turn}", str(number).encode() * 1000)

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(write, range(16)))
        assert sum(won) == 1
        assert storage.read(f"{turn}") == str(won.index(True)).encode() * 1000
    assert len(keys(storage)) == 3


def test_a_reader_never_sees_a_part(storage: Storage) -> None:
    bodies = [bytes([letter]) * 300_000 for letter in b"ab"]
    storage.put("x.parquet", bodies[0])
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            storage.put("x.parquet", bodies[number % 2])

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            seen = [storage.read("x.parquet") for _ in range(30)]
        finally:
            stop.set()
        writer.result()
    assert all(body in bodies for body in seen)
    assert keys(storage) == ["x.parquet"]


def test_a_pickled_copy_works(storage: Storage) -> None:
    storage.put("x", b"x")
    copy = pickle.loads(pickle.dumps(storage))
    assert copy.read("x") == b"x"
    assert copy.uri == storage.uri
    copy.check()


def test_keys_of_other_roots_are_none(storage: Storage) -> None:
    assert storage.key_of(storage.uri) is None
    assert storage.key_of(storage.uri + "x/y") is None
    assert storage.key_of(storage.uri_of("x/y")) == "x/y"


@pytest.mark.parametrize(
    "uri", ["", "s3://", "s3:///x", "gs://b/x", "s3a://b/x", "file://host/x", "file:///x?y", "file:///x#y", "a\0b"]
)
def test_uris_that_name_no_storage(uri: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        open_storage(uri, storage_settings())


@pytest.mark.parametrize("uri", ["s3://bucket", "s3://bucket/", "/folder/", "", "..", "a/..", "file:///"])
def test_uris_that_name_no_object(uri: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        locate(uri, storage_settings())


def test_a_file_uri_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "x#.wav").write_bytes(b"x")
    uri = (tmp_path / "a b").as_uri()
    assert open_storage(uri, storage_settings()).read("x#.wav") == b"x"
    storage, key = locate(f"{uri}/x%23.wav", storage_settings())
    assert storage.read(key) == b"x"
