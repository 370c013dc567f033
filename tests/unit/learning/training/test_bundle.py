from __future__ import annotations

import dataclasses
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from ser_core.config.settings import Settings, TrainingSettings
from ser_core.data.storage import Storage, open_storage
from ser_core.errors import BundleError
from ser_core.learning.training.bundle import (
    BundleBytes,
    BundleContent,
    TrainingSummary,
    check_fingerprint,
    list_bundles,
    load_model,
    promote,
    promote_first,
    promoted,
    read_bundle,
    resolve,
    write_bundle,
)
from ser_core.learning.training.bundle_content import describe
from ser_core.learning.training.cross_validation import evaluate
from ser_core.learning.training.labelled_features import LabelledFeatures
from ser_core.learning.training.model_fit import fit_model
from ser_core.learning.training.population import Population

CLASSES = ("neutral", "happy", "sad", "angry")


@dataclasses.dataclass
class Features:
    parameters: dict[str, Any]
    fingerprint: str = "0123456789ab"
    name: str = "paper-10@8k"
    feature_names: tuple[str, ...] = tuple(f"mfcc_{i}_mean" for i in range(10))

    @property
    def id(self) -> str:
        return f"{self.name}:{self.fingerprint}"


@pytest.fixture(scope="module")
def content(copied: LabelledFeatures, planted: LabelledFeatures, voting: TrainingSettings) -> BundleContent:
    summary = TrainingSummary(
        corpus="ravdess",
        licence="CC BY-NC-SA 4.0.",
        languages=("en",),
        rows=len(planted),
        recordings=96,
        speakers=8,
        duration_s=384.0,
        rows_by_class=dict.fromkeys(CLASSES, 48),
        sampled=True,
        seed=0,
        parameters=voting.model_dump(mode="json"),
        altered_rows={"line-1": 192, "varied-1": 192, "varied-2": 192},
        augmentation=[{"name": name, "seed": 0} for name in ("varied-1", "varied-2", "line-1")],
    )
    return BundleContent(
        fit_model(copied, CLASSES, voting),
        "corpus",
        Features({"n_fft": 2048, "segments": {"mode": "window"}}),
        summary,
        evaluate(planted, CLASSES, voting, None, families={"spare": [3], "informative": [0, 1, 2]}),
        {"confusion.png": b"\x89PNG"},
    )


@pytest.fixture
def storage(tmp_path: Path, settings: Settings) -> Storage:
    return open_storage(str(tmp_path / "models"), settings.storage)


def test_what_is_written_is_what_is_loaded(storage: Storage, content: BundleContent, planted: LabelledFeatures) -> None:
    version = write_bundle(storage, "emotions", content)
    bundle = pickle.loads(pickle.dumps(read_bundle(storage, version)))
    model = load_model(bundle)
    assert len(content.model.classifier.members) == 3 + 4
    assert (model.model_version, model.label_scheme, model.classes) == ("emotions/1", "corpus", CLASSES)
    assert model.feature_set_id == "paper-10@8k:0123456789ab"
    loaded = model.posteriors(planted.X, planted.speaker)
    np.testing.assert_array_equal(loaded, content.model.posteriors(planted.X, planted.speaker))
    assert not np.array_equal(loaded, model.posteriors(planted.X, planted.recording_id))


def test_every_score_is_what_it_was(storage: Storage, content: BundleContent, planted: LabelledFeatures) -> None:
    model = load_model(read_bundle(storage, write_bundle(storage, "emotions", content)))
    own = Population.of(planted.X + np.float32(1), planted.recording_id)
    for speaker, population in ((None, None), (None, own), (planted.speaker, own)):
        loaded = model.scores(planted.X, speaker, population)
        expected = content.model.scores(planted.X, speaker, population)
        for field in dataclasses.fields(expected):
            np.testing.assert_array_equal(getattr(loaded, field.name), getattr(expected, field.name))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"weights": np.zeros((3, 6), np.float32)}, "expected finite numbers"),
        ({"mean": np.full(10, np.nan)}, "expected finite numbers"),
        ({"abroad": np.float64(0)}, "impossible"),
        ({"slopes": None}, "cannot be read"),
    ],
)
def test_damaged_measures_are_refused(
    change: dict[str, Any], expected: str, storage: Storage, content: BundleContent
) -> None:
    bundle = read_bundle(storage, write_bundle(storage, "emotions", content))
    with np.load(io.BytesIO(bundle.files["measures.npz"])) as file:
        arrays = {name: value for name, value in {**file, **change}.items() if value is not None}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with pytest.raises(BundleError, match=expected):
        load_model(BundleBytes("emotions/1", {**bundle.files, "measures.npz": buffer.getvalue()}))


def test_the_manifest_describes_training(storage: Storage, content: BundleContent) -> None:
    bundle = read_bundle(storage, write_bundle(storage, "emotions", content))
    manifest = bundle.manifest
    assert set(manifest["files"]) == {"classifier.skops", "normaliser.json", "measures.npz", "card.md", "confusion.png"}
    assert all(manifest["files"][name] == describe(bundle.files[name]) for name in manifest["files"])
    assert manifest["label_scheme"]["classes"] == list(CLASSES)
    assert manifest["feature_set"]["parameters"]["n_fft"] == 2048
    assert manifest["training"]["rows"] == content.training.rows
    assert manifest["training"]["altered_rows"] == {"line-1": 192, "varied-1": 192, "varied-2": 192}
    assert [condition["name"] for condition in manifest["training"]["augmentation"]] == [
        "varied-1",
        "varied-2",
        "line-1",
    ]
    assert (manifest["training"]["perceptrons"], manifest["training"]["calibration_groups"]) == (7, 4)
    assert manifest["training"]["temperature"] == content.model.classifier.temperature
    assert manifest["metrics"]["importance"][0]["family"] == "informative"
    assert manifest["metrics"]["speaker_independent"]["metrics"]["uar"] > 0.9
    assert {"scikit-learn", "librosa", "python"} <= set(manifest["libraries"])


def test_the_card_has_both_protocols_and_the_limits(storage: Storage, content: BundleContent) -> None:
    card = read_bundle(storage, write_bundle(storage, "emotions", content)).files["card.md"].decode()
    for expected in (
        "# emotions/1",
        "CC BY-NC-SA 4.0.",
        "a stratified sample",
        "optimistic: speakers leak",
        "speaker-independent folds",
        "| angry | ",
        "acted emotions",
        "7 multilayer perceptrons that name",
        "altered as varied-1, varied-2, line-1",
        "each on 60% of the features, drawn at random, on the recordings and 2 of their altered copies",
        "each of 4 groups of speakers was left out of the training of 1 perceptrons",
        f"temperature {content.model.classifier.temperature:.2f}",
        "The 2 main directions in which speakers differ",
        "| informative | 3 | +0.",
        "![confusion.png](confusion.png)",
        "art. 5(1)(f)",
    ):
        assert expected in card
    assert "{" not in card


def test_two_trainings_at_once_get_two_versions(storage: Storage, content: BundleContent) -> None:
    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(lambda _: write_bundle(storage, "emotions", content), range(6)))
    assert sorted(versions) == [f"emotions/{number}" for number in range(1, 7)]
    assert list_bundles(storage, "emotions") == sorted(versions)
    assert list_bundles(storage, "other") == []


def test_versions_are_counted_not_spelled(storage: Storage, content: BundleContent) -> None:
    versions = [write_bundle(storage, "emotions", content) for _ in range(11)]
    assert versions[-1] == "emotions/11"
    assert list_bundles(storage, "emotions")[-1] == "emotions/11"


def test_an_unfinished_version_is_not_seen(storage: Storage, content: BundleContent) -> None:
    write_bundle(storage, "emotions", content)
    storage.put("emotions/2/_allotted.json", b"{}")
    assert list_bundles(storage, "emotions") == ["emotions/1"]
    with pytest.raises(BundleError, match="missing or unfinished"):
        read_bundle(storage, "emotions/2")
    assert write_bundle(storage, "emotions", content) == "emotions/3"


def test_the_first_model_is_promoted_by_itself(storage: Storage, content: BundleContent) -> None:
    first, second = (write_bundle(storage, "emotions", content) for _ in range(2))
    assert promoted(storage, "emotions") is None
    assert promote_first(storage, first)
    assert not promote_first(storage, second)
    assert resolve(storage, "emotions", "current") == first
    promote(storage, second)
    assert resolve(storage, "emotions", "current") == second
    assert json.loads(storage.read("emotions/current.json")) == {"version": "2"}
    assert resolve(storage, "emotions", first) == first


def test_nothing_to_resolve(storage: Storage, content: BundleContent) -> None:
    with pytest.raises(BundleError, match="train one with `ser train`"):
        resolve(storage, "emotions", "current")
    write_bundle(storage, "emotions", content)
    with pytest.raises(BundleError, match="there are emotions/1: promote one with `ser model promote`"):
        resolve(storage, "emotions", "current")
    for wrong in ("emotions/2", "emotions/../emotions/1", "emotions", "emotions/01", "/1"):
        with pytest.raises(BundleError, match=r"There is no model|is no model version"):
            resolve(storage, "emotions", wrong)
        with pytest.raises(BundleError):
            promote(storage, wrong)
    storage.put("emotions/current.json", b"3")
    with pytest.raises(BundleError, match="is no alias"):
        resolve(storage, "emotions", "current")


@pytest.mark.parametrize("name", ["classifier.skops", "normaliser.json", "measures.npz", "card.md", "confusion.png"])
def test_an_altered_file_is_refused(name: str, storage: Storage, content: BundleContent) -> None:
    version = write_bundle(storage, "emotions", content)
    data = bytearray(storage.read(f"{version}/{name}"))
    data[-1] ^= 1
    storage.put(f"{version}/{name}", bytes(data))
    with pytest.raises(BundleError, match=f"{name} differs from the manifest"):
        read_bundle(storage, version)
    storage.delete(f"{version}/{name}")
    with pytest.raises(BundleError, match=f"has no {name}"):
        read_bundle(storage, version)


def _drop(manifest: dict[str, Any]) -> None:
    del manifest["feature_set"]


def _format(manifest: dict[str, Any]) -> None:
    manifest["format"] = 1


def _path(manifest: dict[str, Any]) -> None:
    manifest["files"]["../../secret"] = {}


def _classes(manifest: dict[str, Any]) -> None:
    manifest["label_scheme"]["classes"] = ["neutral", "happy"]


def _names(manifest: dict[str, Any]) -> None:
    manifest["feature_set"]["feature_names"].pop()


def _version(manifest: dict[str, Any]) -> None:
    manifest["model_version"] = "emotions/7"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_drop, "lacks 'feature_set'"),
        (_format, "has the format 1, this version reads 3; train"),
        (_path, "expected plain names"),
        (_classes, "the label scheme, which has 2 classes"),
        (_names, "expected 9 single-precision numbers"),
        (_version, "holds the model emotions/7"),
    ],
)
def test_a_manifest_that_does_not_fit(
    change: Callable[[dict[str, Any]], None], expected: str, storage: Storage, content: BundleContent
) -> None:
    version = write_bundle(storage, "emotions", content)
    manifest = json.loads(storage.read(f"{version}/manifest.json"))
    change(manifest)
    storage.put(f"{version}/manifest.json", json.dumps(manifest).encode())
    with pytest.raises(BundleError, match=expected):
        load_model(read_bundle(storage, version))


class Planted:
    """What an attacker would want to build: a type of this package that no bundle holds."""


def _edited(data: bytes, old: bytes, new: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as sink:
        for name in source.namelist():
            text = source.read(name)
            sink.writestr(name, text.replace(old, new) if name == "schema.json" else text)
    return buffer.getvalue()


def hostile() -> dict[str, tuple[bytes, str]]:
    y = np.arange(10) % 2
    linear = skops.io.dumps({"networks": [LogisticRegression().fit(np.eye(10), y)]})
    plain = skops.io.dumps({"mean": np.zeros(3, np.float32)})
    return {
        "a pickle": (pickle.dumps(Planted), "not a skops file"),
        "an empty file": (b"", "not a skops file"),
        "a type of this package": (skops.io.dumps(Planted()), "Planted"),
        "another classifier": (linear, "LogisticRegression"),
        "a function": (skops.io.dumps(FunctionTransformer(np.sin)), "numpy"),
        "a random state": (skops.io.dumps({"state": np.random.RandomState(0)}), "RandomState"),
        "no parts": (skops.io.dumps([]), "expected a temperature and ensembles"),
        "other parts": (plain, "expected a temperature and ensembles"),
        "a renamed type": (_edited(plain, b'"ndarray"', b'"Evil"'), "Evil"),
        "another loader": (_edited(plain, b'"DictNode"', b'"MethodNode"'), "MethodNode"),
    }


@pytest.mark.parametrize("kind", sorted(hostile()))
def test_only_our_classifier_is_built(kind: str, storage: Storage, content: BundleContent) -> None:
    """The hashes are right: who can write a bundle can write its manifest."""
    data, expected = hostile()[kind]
    files = dict(read_bundle(storage, write_bundle(storage, "emotions", content)).files)
    with pytest.raises(BundleError, match=expected):
        load_model(BundleBytes("emotions/1", {**files, "classifier.skops": data}))


def test_names_are_checked(storage: Storage, content: BundleContent) -> None:
    for name in ("", "../x", "a/b", ".hidden"):
        with pytest.raises(BundleError, match="cannot name a model"):
            write_bundle(storage, name, content)
    for file in ("card.md", "../x.png", "manifest.json", "normaliser.json"):
        with pytest.raises(BundleError, match="cannot name a further file"):
            write_bundle(storage, "emotions", dataclasses.replace(content, extra={file: b""}))


def test_other_features_are_refused_with_both_sides(storage: Storage, content: BundleContent) -> None:
    model = load_model(read_bundle(storage, write_bundle(storage, "emotions", content)))
    check_fingerprint(model, Features({}))
    other = Features({"n_fft": 512, "segments": {"mode": "window", "window_s": 4.0}}, fingerprint="fedcba987654")
    with pytest.raises(BundleError) as caught:
        check_fingerprint(model, other)
    text = str(caught.value)
    for expected in (
        "paper-10@8k:0123456789ab",
        "paper-10@8k:fedcba987654",
        "n_fft: model 2048, settings 512",
        "segments.window_s: model not set, settings 4.0",
    ):
        assert expected in text
    assert "segments.mode" not in text
