from __future__ import annotations

import pytest

from ser_core.errors import CorpusError
from ser_core.learning.annotation.sheet import COLUMNS, Filled, joined, read_sheet, write_consensus, write_sheet
from ser_core.learning.corpora import corpus_reader

SEGMENT = {"clip": "clips/1.wav", "uri": "/calls/a.wav", "channel": 0, "start_s": 1 / 3, "end_s": 2.5, "speaker": "a-0"}


def filled(text: str, file: str = "anna.csv") -> Filled:
    return read_sheet(text.encode(), file, "own", "/sheets", "de")


def sheet(*rows: dict[str, object]) -> str:
    return write_sheet([{**SEGMENT, **row} for row in rows], COLUMNS).decode()


def test_what_was_written_is_read_to_the_last_digit() -> None:
    (label,) = filled(sheet({"emotion": "Sad", "annotator": "Ben"})).labels
    assert (label.key, label.channel, label.start_s, label.end_s) == ("/calls/a.wav", 0, 1 / 3, 2.5)
    assert (label.emotion, label.annotator, label.speaker, label.corpus, label.language) == (
        "sad",
        "Ben",
        "a-0",
        "own",
        "de",
    )
    assert label.extra == {"clip": "clips/1.wav"}


def test_an_unnamed_annotator_is_the_file() -> None:
    assert filled(sheet({"emotion": "sad"}), "cleo.csv").labels[0].annotator == "cleo"


def test_blanks_are_counted_and_lines_still_count() -> None:
    multi = 'clips/2.wav,"",,"/calls/\nb.wav",0,1,2,a-0\n'
    text = (
        sheet({}, {"emotion": "sad"}) + multi + ",,,,,,,\n" + sheet({"emotion": "sad", "start_s": 9}).partition("\n")[2]
    )
    with pytest.raises(CorpusError, match=r"line 7: end_s 2\.5 is not after start_s 9") as caught:
        filled(text)
    assert str(caught.value).count("line ") == 1
    good = filled(text.replace(",9,2.5,", ",1,2.5,"))
    assert (len(good.labels), good.blank) == (2, 2)


def test_an_unfilled_sheet_is_no_fault() -> None:
    assert filled(sheet({}, {"start_s": 0.5})) == Filled((), 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (sheet({"emotion": "furious"}), "anna.csv.*\n.*line 2: emotion 'furious' is not known"),
        ("clip,uri\n1,2\n", "the column emotion is missing"),
        (sheet({"emotion": "sad"}, {"emotion": "happy"}), "line 3: the same stretch and annotator as line 2"),
        ("emotion,uri,speaker\n", "there is no row"),
        ("emotion;uri;speaker\n", "the column uri is missing"),
    ],
)
def test_faults_are_listed(text: str, expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        filled(text)


def test_relative_uris_are_of_the_sheets_folder() -> None:
    text = sheet({"uri": "sub/a.wav", "emotion": "sad"}, {"uri": "s3://b/a.wav", "emotion": "sad"})
    assert [label.key for label in filled(text).labels] == ["/sheets/sub/a.wav", "s3://b/a.wav"]


def test_one_annotator_labels_a_stretch_in_one_sheet_only() -> None:
    ben = filled(sheet({"emotion": "sad", "annotator": "ben"}))
    anna = filled(sheet({"emotion": "sad", "annotator": "anna"}))
    assert len(joined([("1.csv", ben), ("2.csv", anna)])) == 2
    with pytest.raises(CorpusError, match=r"ben labels /calls/a\.wav from 0\.333333 s in 1\.csv and in 2\.csv"):
        joined([("1.csv", ben), ("2.csv", ben)])


def test_the_consensus_is_a_manifest() -> None:
    votes = [
        ("anna", "sad", 0.0),
        ("ben", "sad", 0.0),
        ("cleo", "angry", 0.0),
        ("anna", "sad", 1.0),
        ("ben", "happy", 1.0),
    ]
    rows = [{"annotator": name, "emotion": emotion, "start_s": start} for name, emotion, start in votes]
    data, count = write_consensus(filled(sheet(*rows)).labels)
    assert count == 1  # of two who differ there is no majority
    reader = corpus_reader("manifest", data, "agreed", "/elsewhere", "en")
    (label,) = reader.read(["/calls/a.wav"]).stretches
    assert (label.emotion, label.start_s, label.annotator, label.language) == ("sad", 0.0, "majority of 3", "de")
