"""Corpora whose labels stand in their file names, on made-up names and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from ser_core.config import Settings, load_settings
from ser_core.config.settings import CorpusSettings
from ser_core.data.storage import open_storage
from ser_core.emotions import EMOTIONS
from ser_core.errors import CorpusError
from ser_core.learning.corpora import corpus_reader, open_corpus
from tests.support.synth import wav, write_files

KINDS = ("crema-d", "emodb", "savee", "tess", "nemo", "jl-corpus")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(environ={})


@pytest.mark.parametrize(
    ("kind", "key", "speaker", "emotion", "language"),
    [
        ("emodb", "wav/03a01Fa.wav", "emodb-03", "happy", "de"),
        ("emodb", "16b10Wb.wav", "emodb-16", "angry", "de"),
        ("emodb", "08a02La.wav", "emodb-08", "bored", "de"),
        ("emodb", "09a04Ed.wav", "emodb-09", "disgust", "de"),
        ("emodb", "11b09Ac.wav", "emodb-11", "fearful", "de"),
        ("emodb", "15a07Ta.wav", "emodb-15", "sad", "de"),
        ("emodb", "14b02Na.flac", "emodb-14", "neutral", "de"),
        ("emodb", "12a05N.wav", "emodb-12", "neutral", "de"),
        ("tess", "OAF_angry/OAF_back_angry.wav", "tess-oaf", "angry", "en"),
        ("tess", "YAF_youth_ps.wav", "tess-yaf", "surprised", "en"),
        ("tess", "YAF_fear/YAF_shout_fear.wav", "tess-yaf", "fearful", "en"),
        ("tess", "OAF_dog_disgust.wav", "tess-oaf", "disgust", "en"),
        ("tess", "OAF_dog_happy.wav", "tess-oaf", "happy", "en"),
        ("tess", "OAF_dog_sad.wav", "tess-oaf", "sad", "en"),
        ("tess", "OAF_neutral/OA_bite_neutral.wav", "tess-oaf", "neutral", "en"),
        ("savee", "DC/a01.wav", "savee-dc", "angry", "en"),
        ("savee", "AudioData/JE/sa15.wav", "savee-je", "sad", "en"),
        ("savee", "JK_su03.wav", "savee-jk", "surprised", "en"),
        ("savee", "ALL/KL_n30.wav", "savee-kl", "neutral", "en"),
        ("savee", "KL/f01.wav", "savee-kl", "fearful", "en"),
        ("savee", "KL/h01.wav", "savee-kl", "happy", "en"),
        ("savee", "KL/d01.wav", "savee-kl", "disgust", "en"),
        ("crema-d", "AudioWAV/1001_DFA_ANG_XX.wav", "crema-d-1001", "angry", "en"),
        ("crema-d", "1091_IEO_DIS_LO.wav", "crema-d-1091", "disgust", "en"),
        ("crema-d", "1040_ITH_SAD_X.wav", "crema-d-1040", "sad", "en"),
        ("crema-d", "1002_IWW_FEA_XX.flac", "crema-d-1002", "fearful", "en"),
        ("crema-d", "1002_WSI_HAP_XX.wav", "crema-d-1002", "happy", "en"),
        ("crema-d", "1002_TSI_NEU_XX.wav", "crema-d-1002", "neutral", "en"),
        ("nemo", "samples/EB0_anger_45.wav", "nemo-EB0", "angry", "pl"),
        ("nemo", "EB0/KS0_fear_1.flac", "nemo-KS0", "fearful", "pl"),
        ("nemo", "MK0_happiness_2.wav", "nemo-MK0", "happy", "pl"),
        ("nemo", "MP0_neutral_90.wav", "nemo-MP0", "neutral", "pl"),
        ("nemo", "TP0_sadness_3.wav", "nemo-TP0", "sad", "pl"),
        ("nemo", "WR0_surprised_4.wav", "nemo-WR0", "surprised", "pl"),
        ("jl-corpus", "JL(wav+txt)/female1_angry_10a_1.wav", "jl-female1", "angry", "en-NZ"),
        ("jl-corpus", "female2_happy_1b_2.wav", "jl-female2", "happy", "en-NZ"),
        ("jl-corpus", "male1_neutral_3a_1.wav", "jl-male1", "neutral", "en-NZ"),
        ("jl-corpus", "male2_sad_15b_2.wav", "jl-male2", "sad", "en-NZ"),
    ],
)
def test_labels_are_read_from_the_name(kind: str, key: str, speaker: str, emotion: str, language: str) -> None:
    listing = corpus_reader(kind).read([key])
    (stretch,) = listing.stretches
    assert (stretch.key, stretch.corpus, stretch.speaker, stretch.emotion, stretch.language) == (
        key,
        kind,
        speaker,
        emotion,
        language,
    )
    assert (stretch.channel, stretch.start_s, stretch.end_s, stretch.annotator) == (None, 0.0, None, "corpus")
    assert stretch.emotion in EMOTIONS
    assert not listing.unplaced
    assert not listing.left_out


@pytest.mark.parametrize(
    ("kind", "key", "extra"),
    [
        ("emodb", "03a01Fa.wav", {"statement": "a01", "sex": "male", "version": "a"}),
        ("emodb", "13b03N.wav", {"statement": "b03", "sex": "female"}),
        ("tess", "OAF_back_ps.wav", {"word": "back", "age": "64", "sex": "female"}),
        ("savee", "DC/sa01.wav", {"statement": "sa01", "sex": "male"}),
        ("crema-d", "1001_DFA_ANG_XX.wav", {"statement": "Don't forget a jacket"}),
        ("nemo", "EB0_anger_45.wav", {"statement": "45", "sex": "female"}),
        ("nemo", "WR0_anger_1.wav", {"statement": "1", "sex": "male"}),
        ("jl-corpus", "female1_sad_10a_2.wav", {"statement": "10a", "session": "2", "sex": "female"}),
    ],
)
def test_extra_is_read_from_the_name(kind: str, key: str, extra: dict[str, str]) -> None:
    assert corpus_reader(kind).read([key]).stretches[0].extra == extra


@pytest.mark.parametrize(("level", "intensity"), [("LO", "low"), ("MD", "medium"), ("HI", "high"), ("XX", None)])
def test_levels_of_crema_d(level: str, intensity: str | None) -> None:
    assert corpus_reader("crema-d").read([f"1001_IEO_ANG_{level}.wav"]).stretches[0].intensity == intensity


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        ("emodb", "01a01Fa.wav", "03a01Fa.wav"),
        ("emodb", "03a03Fa.wav", "03a01Fa.wav"),
        ("emodb", "03a01Xa.wav", "03a01Fa.wav"),
        ("emodb", "x03a01Fa.wav", "03a01Fa.wav"),
        ("tess", "MAF_back_angry.wav", "OAF_back_angry.wav"),
        ("tess", "OAF_back_calm.wav", "OAF_back_angry.wav"),
        ("savee", "a01.wav", "DC_sa03.wav"),
        ("savee", "XY/a01.wav", "DC_sa03.wav"),
        ("savee", "ADC/a01.wav", "DC_sa03.wav"),
        ("savee", "DC/c01.wav", "DC_sa03.wav"),
        ("crema-d", "1001_DFA_SUR_XX.wav", "1001_DFA_ANG_XX.wav"),
        ("crema-d", "2001_DFA_ANG_XX.wav", "1001_DFA_ANG_XX.wav"),
        ("crema-d", "README.md", "1001_DFA_ANG_XX.wav"),
        ("nemo", "EB0_rage_45.wav", "EB0_anger_45.wav"),
        ("nemo", "EB_anger_45.wav", "EB0_anger_45.wav"),
        ("jl-corpus", "male3_angry_1a_1.wav", "female1_angry_10a_1.wav"),
        ("jl-corpus", "male1_bored_1a_1.wav", "female1_angry_10a_1.wav"),
    ],
)
def test_no_path_is_lost(kind: str, key: str, expected: str) -> None:
    listing = corpus_reader(kind).read([key])
    assert not listing.stretches
    assert [stretch.key for stretch in listing.unplaced] == [key]
    assert expected in listing.unplaced[0].why


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_setting_and_has_a_licence(kind: str) -> None:
    reader = corpus_reader(kind)
    assert kind in get_args(CorpusSettings.model_fields["kind"].annotation)
    assert (reader.name, reader.folds) == (kind, None)
    assert reader.licence.endswith(".")
    assert reader.commercial_use == (kind in {"crema-d", "jl-corpus"})
    assert ("no commercial" in reader.licence or "unknown" in reader.licence) != reader.commercial_use


def test_what_has_no_name_here_is_left_out() -> None:
    keys = ["female1_excited_1a_1.wav", "male2_anxious_9b_2.wav", "male1_sad_1a_1.txt", "male1_sad_1a_1.wav"]
    listing = corpus_reader("jl-corpus").read(keys)
    assert [stretch.key for stretch in listing.stretches] == ["male1_sad_1a_1.wav"]
    assert set(listing.left_out) == set(keys[:3])


def test_whether_a_corpus_may_be_used_commercially_can_be_said(tmp_path: Path, settings: Settings) -> None:
    write_files(tmp_path, {"labels.csv": b"uri,speaker,emotion\na.wav,s,happy\n", "EB0_anger_45.wav": wav("angry")})
    mine = {"kind": "manifest", "uri": str(tmp_path / "labels.csv")}
    for changes, expected in (
        ({"kind": "nemo", "uri": str(tmp_path)}, ("nemo", False)),
        (mine, ("labels", False)),
        ({**mine, "name": "own", "commercial_use": True}, ("own", True)),
    ):
        corpus = open_corpus(settings.corpus.model_copy(update=changes), settings.storage, tmp_path / "cache")
        assert (corpus.name, corpus.commercial_use) == expected


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("crema-d", "1001_DFA_ANG_XX.wav"),
        ("emodb", "wav/03a01Fa.wav"),
        ("savee", "DC/a01.wav"),
        ("tess", "OAF_back_ps.wav"),
    ],
)
def test_a_folder_of_recordings_is_opened(kind: str, key: str, tmp_path: Path, settings: Settings) -> None:
    write_files(tmp_path, {key: wav("angry"), "notes.txt": b"of a person"})
    corpus = open_corpus(
        settings.corpus.model_copy(update={"kind": kind, "uri": str(tmp_path)}), settings.storage, tmp_path / "cache"
    )
    listing = corpus.reader.read(info.key for info in open_storage(corpus.root, settings.storage).list())
    assert [stretch.key for stretch in listing.stretches] == [key]
    assert [stretch.key for stretch in listing.unplaced] == ["notes.txt"]


RATINGS = (
    '"","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType","clipName","sessionNums",'
    '"respEmo","respLevel","dispEmo","dispVal","dispLevel"\n'
    '"1","7",1,"A_80",900,1,0,1,1,4,"1001_DFA_ANG_XX","s7","A",80,"A",50,"X"\n'
    '"2","8",1,"N_30",900,1,0,1,1,4,"1001_DFA_ANG_XX","s8","N",30,"A",50,"X"\n'
    '"3","9",1,"H_30",900,2,0,1,1,4,"1001_DFA_ANG_XX","s9","H",30,"A",50,"X"\n'
    '"4","7",2,"D_10",900,1,0,1,1,4,"1001_DFA_ANG_XX","s7","D",10,"A",50,"X"\n'
    '"5","7",3,"S_10",900,1,0,1,1,4,"1040_ITH_SAD_XX","s7","S",10,"S",50,"X"\n'
    '"6","8",3,"Q_10",900,1,0,1,1,4,"1040_ITH_SAD_XX","s8","Q",10,"S",50,"X"\n'
)


def test_raters_of_crema_d_are_annotators(tmp_path: Path, settings: Settings) -> None:
    write_files(tmp_path, {"1001_DFA_ANG_XX.wav": wav("angry"), "finishedResponses.csv": RATINGS.encode()})
    named = settings.corpus.model_copy(update={"kind": "crema-d", "uri": str(tmp_path)})
    listing = open_corpus(named, settings.storage, tmp_path).reader.read(["1001_DFA_ANG_XX.wav"])
    labels = [
        (stretch.annotator, stretch.emotion, stretch.intensity, stretch.extra.get("level"))
        for stretch in listing.stretches
    ]
    assert labels == [  # what the actor meant comes first; who saw the face does not count; the last answer does
        ("corpus", "angry", None, None),
        ("rater-7", "disgust", None, "10"),
        ("rater-8", "neutral", None, "30"),
    ]
    assert {stretch.speaker for stretch in listing.stretches} == {"crema-d-1001"}


def test_an_unknown_answer_is_unplaced() -> None:
    listing = corpus_reader("crema-d", RATINGS.encode()).read(["1040_ITH_SAD_X.wav"])
    assert [stretch.annotator for stretch in listing.stretches] == ["corpus", "rater-7"]
    assert "rater 8 answered 'Q'" in listing.unplaced[0].why


def test_the_mp3_of_a_clip_that_is_there_as_wav_is_left_out() -> None:
    keys = ["AudioMP3/1001_DFA_ANG_XX.mp3", "AudioMP3/1001_DFA_SAD_XX.mp3", "AudioWAV/1001_DFA_ANG_XX.wav"]
    listing = corpus_reader("crema-d").read(keys)
    assert [stretch.key for stretch in listing.stretches] == keys[1:]
    assert listing.left_out == (keys[0],)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"clipName,respEmo\n", "lacks the columns localid, queryType, respLevel"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_ratings_that_are_none(data: bytes, expected: str) -> None:
    with pytest.raises(CorpusError, match=expected):
        corpus_reader("crema-d", data)
