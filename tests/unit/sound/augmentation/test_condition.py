from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from ser_core.config.training_settings import AugmentationSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.sound.augmentation import RECORDED, TELEPHONE_CONDITION, describe, training_conditions
from tests.support.audio import noise

SR = 16000
THREE = training_conditions(AugmentationSettings(varied=2, line=1, seed=7))
VOICE = noise(SR, 1.5)


def test_names_and_order() -> None:
    assert [condition.name for condition in THREE] == ["varied-1", "varied-2", "line-1"]
    assert training_conditions(AugmentationSettings(varied=0, line=0, seed=7)) == ()


def test_recorded_changes_nothing() -> None:
    assert RECORDED.name == RECORDED.id == AS_RECORDED
    assert RECORDED.apply(VOICE, SR, "r/0") is VOICE


def test_the_id_covers_everything_that_changes_a_sample() -> None:
    ids = {condition.id for condition in (*THREE, TELEPHONE_CONDITION)}
    assert len(ids) == 4
    assert all(condition.id.startswith(f"{condition.name}:") for condition in (*THREE, TELEPHONE_CONDITION))
    assert pickle.loads(pickle.dumps(THREE[0])).id == THREE[0].id
    assert replace(THREE[0], seed=8).id not in ids
    voice = THREE[0].voice
    assert voice is not None
    assert replace(THREE[0], voice=replace(voice, gain_db=(-2.0, 3.0))).id not in ids
    more = training_conditions(AugmentationSettings(varied=5, line=2, seed=7))
    assert ids - {TELEPHONE_CONDITION.id} < {
        condition.id for condition in more
    }  # more copies leave the others unchanged


def test_a_copy_depends_on_its_condition_and_its_key_only() -> None:
    for condition in (*THREE, TELEPHONE_CONDITION):
        copy = condition.apply(VOICE, SR, "r/0")
        np.testing.assert_array_equal(copy, condition.apply(VOICE, SR, "r/0"))
        other = condition.apply(VOICE, SR, "r/1")
        assert len(copy) != len(other) or not np.array_equal(copy, other)
    first, second = (condition.apply(VOICE, SR, "r/0") for condition in THREE[:2])
    assert len(first) != len(second) or not np.array_equal(first, second)


@pytest.mark.parametrize("condition", [*THREE, TELEPHONE_CONDITION], ids=lambda condition: condition.name)
def test_silence_stays_quiet(condition: object) -> None:
    assert isinstance(condition, type(RECORDED))
    out = condition.apply(np.zeros(SR, np.float32), SR, "r/0")
    assert np.abs(out).max() < 1e-3  # A-law has no zero
    assert len(condition.apply(np.empty(0, np.float32), SR, "r/0")) == 0


def test_the_description_is_plain_and_whole() -> None:
    described = describe(THREE)
    assert json.loads(json.dumps(described)) == described
    assert [entry["name"] for entry in described] == ["varied-1", "varied-2", "line-1"]
    assert [entry["id"] for entry in described] == [condition.id for condition in THREE]
    assert described[0]["line"] is None and described[2]["line"]["codecs"] == ["ulaw", "alaw", "gsm"]
    assert described[0]["seed"] == 7 and described[0]["voice"]["speed"] == [0.87, 1.15]
