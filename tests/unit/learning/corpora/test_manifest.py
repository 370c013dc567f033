from __future__ import annotations

import pytest

from ser_core.errors import CorpusError
from ser_core.learning.corpora import CorpusReader, corpus_reader

HEADER = "uri,channel,start_s,end_s,speaker,emotion,annotator,intensity,language,site\n"


def reader(text: str) -> CorpusReader:
    return corpus_reader("manifest", text.encode(), "calls", "s3://bucket/corpus", "de")


def test_a_full_row() -> None:
    row = "a/1.wav,1,0.5,3.25,anna,Happy,bob,strong,en,Ulm\n"
    (stretch,) = reader(HEADER + row).read(["a/1.wav"]).stretches
    assert (stretch.key, stretch.channel, stretch.start_s, stretch.end_s) == ("a/1.wav", 1, 0.5, 3.25)
    assert (stretch.speaker, stretch.emotion, stretch.annotator) == ("anna", "happy", "bob")
    assert (stretch.intensity, stretch.language, stretch.extra) == ("strong", "en", {"site": "Ulm"})


def test_three_columns_are_enough() -> None:
    (stretch,) = reader("\ufeffspeaker, emotion, uri\r\nanna,sad,1.wav\r\n").read(["1.wav"]).stretches
    assert (stretch.channel, stretch.start_s, stretch.end_s) == (None, 0.0, None)
    assert (stretch.annotator, stretch.language, stretch.intensity) == ("corpus", "de", None)


@pytest.mark.parametrize("uri", ["a.wav", "./a.wav", "s3://bucket/corpus/a.wav"])
def test_uris_are_relative_to_the_root(uri: str) -> None:
    assert reader(f"uri,speaker,emotion\n{uri},anna,sad\n").read(["a.wav"]).stretches[0].key == "a.wav"


def test_what_does_not_meet_is_reported() -> None:
    listing = reader("uri,speaker,emotion\na.wav,anna,sad\nb.wav,anna,sad\n").read(["b.wav", "c.wav"])
    assert [stretch.key for stretch in listing.stretches] == ["b.wav"]
    assert {unplaced.key for unplaced in listing.unplaced} == {"a.wav", "c.wav"}


def test_every_fault_is_listed_with_its_line() -> None:
    rows = (
        "a.wav,x,,,anna,sad,,,,\n"  # 2
        "b.wav,,2,1,anna,sad,,,,\n"  # 3
        "c.wav,,-1,nan,anna,joy,,,,\n"  # 4
        ",,,,,,,,,\n"  # 5
        "d.wav,,,,anna,sad,,,,\n"  # 6
        "d.wav,,,,ben,sad,,,,\n"  # 7
        "e.wav,anna\n"  # 8
    )
    with pytest.raises(CorpusError) as caught:
        reader(HEADER + rows)
    text = str(caught.value)
    for expected in (
        "line 2: channel 'x'",
        "line 3: end_s 1 is not after start_s 2",
        "line 4: start_s '-1'",
        "line 4: end_s 'nan'",
        "line 4: emotion 'joy' is not known; expected one of neutral, calm",
        "line 5: uri is empty",
        "line 5: speaker is empty",
        "line 7: the same stretch and annotator as line 6",
        "line 8: the row has another number of cells",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the column uri is missing"),
        (b"uri,speaker\na,b\n", "the column emotion is missing"),
        (b"uri,uri,speaker,emotion\n", "the column uri occurs twice"),
        (b"uri,speaker,emotion\n", "there is no row"),
        (b"uri,speaker,emotion\n\xff,a,sad\n", "is not UTF-8"),
        (b'uri,speaker,emotion\n"a,b,sad\n', "not CSV"),
    ],
)
def test_a_file_that_is_no_manifest(data: bytes, expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        corpus_reader("manifest", data, "calls", "root", "en")


def test_an_unknown_kind() -> None:
    with pytest.raises(CorpusError, match=r"expected one of ravdess, crema-d, .*, nemo, jl-corpus, manifest"):
        corpus_reader("iemocap")
