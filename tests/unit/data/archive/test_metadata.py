from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ser_core.data.archive.archive_manifest import entry_info, read_manifest
from ser_core.data.archive.metadata import CallMetadata, parse_metadata, read_metadata
from ser_core.data.archive.metadata_files import MetadataFile
from ser_core.data.archive.role_words import parse_roles, role_of
from ser_core.data.storage import S3Storage
from ser_core.errors import ObjectForbiddenError, ObjectMissingError, SettingsError
from tests.support.s3 import storage_settings

SETTINGS = storage_settings()
NAMES = {"customer": ("caller", "client"), "agent": ("rep",)}


def written(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)


def rows_of(uri: str, date: dt.date | None = None) -> dict[str, CallMetadata]:
    rows = read_metadata(MetadataFile(uri, date), NAMES, SETTINGS)
    calls = {}
    for row in rows:
        assert row.call == parse_metadata(row.values, NAMES)
        calls[row.call.call_id or ""] = row.call
    return calls


def test_metadata_of_a_csv(tmp_path: Path) -> None:
    text = (
        "\ufeffcall_id, agent_id,queue,started_at,call_date,roles,note\r\n"
        '007,a1,"sales, north",2026-11-21T09:30:00+01:00,2026-11-21,"0=agent,1=customer",é\r\n'
        "008,,,,,,\r\n\r\n"
    )
    calls = rows_of(written(tmp_path / "calls.csv", text))
    assert set(calls) == {"007", "008"}
    call = calls["007"]
    assert (call.call_id, call.agent_id, call.queue) == ("007", "a1", "sales, north")
    assert call.started_at == dt.datetime(2026, 11, 21, 8, 30, tzinfo=dt.UTC)
    assert call.call_date == dt.date(2026, 11, 21)
    assert call.extra == {"roles": "0=agent,1=customer", "note": "é"}
    assert (calls["008"].agent_id, calls["008"].started_at, calls["008"].extra) == (None, None, {})


def test_metadata_of_a_parquet_file(tmp_path: Path) -> None:
    table = pa.table(
        {
            "call_id": pa.array([7], pa.int64()),
            "started_at": pa.array([dt.datetime(2026, 11, 21, 9)], pa.timestamp("us")),
            "call_date": pa.array([dt.date(2026, 11, 21)]),
            "score": [None],
        }
    )
    pq.write_table(table, tmp_path / "calls.parquet")
    call = rows_of(str(tmp_path / "calls.parquet"))["7"]
    assert call.started_at == dt.datetime(2026, 11, 21, 9)
    assert (call.call_date, call.extra) == (dt.date(2026, 11, 21), {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,x\n1,2\n", "no column call_id: it has id, x"),
        ("", "no column call_id"),
        ("call_id;x\n1;2\n", "no column call_id"),
        ("call_id,x,x\n1,2,3\n", "column x twice"),
        ("call_id,x\n1,2,3\n", "calls.csv:2 has 3 values"),
        ("call_id,x\n,2\n", "row 2: has no call_id"),
        ("call_id,started_at\n1,yesterday\n", "started_at is 'yesterday'"),
        ("call_id,call_date\n1,2026-11-31\n", "call_date is '2026-11-31'"),
        ("call_id,call_date\n1,2026-11-21T09:00\n", "call_date is"),
        ("call_id,roles\n1,boss\n", "roles is 'boss'"),
        ("call_id,roles\n1,0=boss\n", "row 2: 'boss' names no role .*customer, caller, client; agent: agent, rep"),
        ('call_id\n"1\n', "cannot be read"),
    ],
)
def test_faults_of_metadata(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        rows_of(written(tmp_path / "calls.csv", text))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(b"call_id\nM\xfcller\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing more")
    for name in ("latin.csv", "broken.parquet"):
        with pytest.raises(SettingsError, match="cannot be read"):
            rows_of(str(tmp_path / name))
    with pytest.raises(SettingsError, match=r"neither .csv nor .parquet"):
        rows_of(str(tmp_path / "calls.xlsx"))
    with pytest.raises(ObjectMissingError):
        rows_of(str(tmp_path / "nix.csv"))


def test_the_first_ten_faults_are_listed_and_no_row_is_lost(tmp_path: Path) -> None:
    text = "call_id,call_date\n" + "".join(f"{n},{'never' if n % 2 else '2026-11-21'}\n" for n in range(40))
    seen = []
    with pytest.raises(SettingsError) as caught:
        for row in read_metadata(MetadataFile(written(tmp_path / "c.csv", text), None), NAMES, SETTINGS):
            seen.append(row.call.call_id)
    assert len(caught.value.faults) == 10
    assert "row 3: call_date is 'never'" in caught.value.faults[0]
    assert seen == [str(n) for n in range(0, 19, 2)]


def test_a_row_of_a_date_s_file_is_of_that_date(tmp_path: Path) -> None:
    text = "call_id,call_date,started_at\n1,,\n2,2026-11-20,\n3,,2026-11-20T23:00\n"
    calls = rows_of(written(tmp_path / "calls.csv", text), dt.date(2026, 11, 21))
    assert [calls[call].call_date for call in "123"] == [dt.date(2026, 11, 21), dt.date(2026, 11, 20), None]


def test_a_row_knows_its_place(tmp_path: Path) -> None:
    uri = written(tmp_path / "calls.csv", "call_id\n1\n\n2\n")
    assert [row.place for row in read_metadata(MetadataFile(uri, None), NAMES, SETTINGS)] == [
        f"{uri}, row 2",
        f"{uri}, row 4",
    ]


def test_roles() -> None:
    assert parse_roles("0=agent, 1=customer", {}) == {0: "agent", 1: "customer"}
    assert parse_roles("0=Rep,1=CLIENT", NAMES) == {0: "agent", 1: "customer"}
    for text in ("", "0", "-1=agent", "0=agent,0=customer", "²=agent"):
        with pytest.raises(ValueError, match="expected"):
            parse_roles(text, NAMES)


def test_a_word_that_names_no_role_says_which_do() -> None:
    assert [role_of(word, NAMES) for word in ("caller", " Rep ", "MIXED", "agent")] == [
        "customer", "agent", "mixed", "agent",
    ]  # fmt: skip
    with pytest.raises(
        ValueError, match=r"'boss' names no role .*customer: customer, caller, client; agent: agent, rep"
    ):
        role_of("boss", NAMES)


def test_a_manifest_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lists" / "a b").mkdir(parents=True)
    (tmp_path / "lists" / "a b" / "x#.wav").write_bytes(b"12")
    (tmp_path / "else.wav").write_bytes(b"123")
    text = f"uri,call_id,x\na b/x#.wav,7,y\n{tmp_path}/else.wav,8,\n../else.wav,9,\n./nix.wav,,\n"
    entries = list(read_manifest(written(tmp_path / "lists" / "m.csv", text), NAMES, SETTINGS))
    assert [entry.key for entry in entries] == ["a b/x#.wav", f"{tmp_path}/else.wav", "../else.wav", "nix.wav"]
    assert (entries[0].metadata.call_id, entries[0].metadata.extra) == ("7", {"x": "y"})
    assert [(info.key, info.size_bytes) for info in (entry_info(e, SETTINGS) for e in entries[:2])] == [
        ("a b/x#.wav", 2),
        (f"{tmp_path}/else.wav", 3),
    ]
    with pytest.raises(ObjectForbiddenError):
        entry_info(entries[2], SETTINGS)
    with pytest.raises(ObjectMissingError):
        entry_info(entries[3], SETTINGS)


def test_a_manifest_on_s3(s3_server: str, s3_bucket: str) -> None:
    settings = storage_settings(s3_server)
    storage = S3Storage(s3_bucket, "lists", settings.s3)
    storage.put("2026/x.wav", b"12")
    S3Storage(s3_bucket, "", settings.s3).put("other.wav", b"123")
    storage.put("m.csv", f"uri\n2026/x.wav\ns3://{s3_bucket}/other.wav\n".encode())
    entries = list(read_manifest(storage.uri_of("m.csv"), NAMES, settings))
    assert [entry.key for entry in entries] == ["2026/x.wav", f"s3://{s3_bucket}/other.wav"]
    assert [entry_info(entry, settings).size_bytes for entry in entries] == [2, 3]


def test_the_parts_of_a_manifest_are_the_manifest(tmp_path: Path) -> None:
    uri = written(tmp_path / "m.csv", "uri\n" + "".join(f"{n}.wav\n" for n in range(100)))
    keys = [entry.key for entry in read_manifest(uri, NAMES, SETTINGS)]
    parts = [[entry.key for entry in read_manifest(uri, NAMES, SETTINGS, part, 4)] for part in range(4)]
    assert all(10 < len(part) < 40 for part in parts)
    assert sorted(key for part in parts for key in part) == sorted(keys)
    with (tmp_path / "m.csv").open("a") as file:
        file.write("./7.wav\n")
    faults = 0
    for part in range(4):
        try:
            list(read_manifest(uri, NAMES, SETTINGS, part, 4))
        except SettingsError as error:
            assert "row 102: has the uri './7.wav' of an earlier row" in str(error)
            faults += 1
    assert faults == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("url\nx\n", "no column uri"),
        ("uri\nx.wav\n./x.wav\n", "row 3: has the uri"),
        ("uri,call_id\n,7\n", "row 2: has no uri"),
        ("uri,started_at\nx.wav,7 am\n", "row 2: started_at"),
    ],
)
def test_faults_of_a_manifest(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        list(read_manifest(written(tmp_path / "m.csv", text), NAMES, SETTINGS))
