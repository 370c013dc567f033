"""A recording → its channels: roles, mono rules, levels, times, and what is left out."""

import io
import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ser_core.config import load_settings
from ser_core.config.training_settings import AugmentationSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.errors import Refusal
from ser_core.sound.augmentation import RECORDED, training_conditions
from ser_core.sound.extraction import ExtractionPlan, extract
from tests.support.audio import encode, noise, tone

SETTINGS = load_settings(["--features.set", "paper-180", "--features.sample-rate-hz", "8000"], environ={})
SR = 8000
VOICE, OTHER = tone(200, SR, 8.2) + noise(SR, 8.2, 0.05), noise(SR, 8.2, 0.05, seed=3)


def plan(scored=("customer",), mono="mixed", channels=("customer", "agent"), mode="window", **features):
    return ExtractionPlan(
        SETTINGS.features.model_copy(update=features),
        SETTINGS.segments.model_copy(update={"mode": mode}),
        SETTINGS.audio,
        SETTINGS.limits.model_copy(update={"max_channels": 4}),
        SETTINGS.roles.model_copy(update={"mono": mono, "channels": channels}),
        scored,
    )


def run(*channels, plan=plan(), roles=None, sr=SR):  # noqa: B008 - frozen
    data = encode(np.stack(channels, axis=1), sr, "WAV", "FLOAT")
    return extract(io.BytesIO(data), len(data), plan, roles).channels


def rows(channels):
    return [(c.channel, c.role, len(c.vectors)) for c in channels]


def test_only_scored_roles_have_vectors_and_every_channel_has_its_row():
    assert rows(run(VOICE, OTHER)) == [(0, "customer", 2), (1, "agent", 0)]
    assert rows(run(VOICE, OTHER, plan=plan(("agent",)))) == [(0, "customer", 0), (1, "agent", 2)]
    assert rows(run(VOICE, OTHER, plan=plan(("agent", "customer")))) == [(0, "customer", 2), (1, "agent", 2)]


def test_vectors_are_those_of_the_channel_alone():
    customer, agent = run(VOICE, OTHER, plan=plan(("customer", "agent")))
    features = plan().feature_set
    np.testing.assert_array_equal(customer.vectors, features.extract([VOICE[: 4 * SR], VOICE[4 * SR :]]))
    np.testing.assert_array_equal(agent.vectors, features.extract([OTHER[: 4 * SR], OTHER[4 * SR :]]))


def test_a_mono_recording_has_the_mono_role():
    assert rows(run(VOICE)) == [(0, "mixed", 0)]
    assert rows(run(VOICE, plan=plan(mono="customer"))) == [(0, "customer", 2)]
    assert rows(run(VOICE, plan=plan(("customer", "mixed")))) == [(0, "mixed", 2)]


def test_two_channels_that_are_nearly_the_same_are_one_mono_recording():
    assert rows(run(VOICE, VOICE + 0.01 * OTHER)) == [(0, "mixed", 0)]
    assert rows(run(VOICE, VOICE, plan=plan(mono="customer"))) == [(0, "customer", 2)]
    agents_first = plan(mono="customer", channels=("agent", "customer"))
    assert rows(run(VOICE, VOICE, plan=agents_first)) == [(0, "customer", 2)]
    assert rows(run(VOICE, OTHER, plan=agents_first)) == [(0, "agent", 0), (1, "customer", 2)]


def test_roles_of_a_call_win_over_the_settings():
    assert rows(run(VOICE, OTHER, roles={0: "agent", 1: "customer"})) == [(0, "agent", 0), (1, "customer", 2)]
    assert rows(run(VOICE, roles={0: "customer"})) == [(0, "customer", 2)]


def test_roles_of_two_channels_say_nothing_about_a_mono_recording():
    both = {0: "customer", 1: "agent"}
    assert rows(run(VOICE, roles=both)) == [(0, "mixed", 0)]
    assert rows(run(VOICE, VOICE, roles=both)) == [(0, "mixed", 0)]


def test_a_channel_without_a_role_is_refused_and_the_setting_is_named():
    with pytest.raises(Refusal, match=r"too_many_channels: 3 channels; roles\.channels names 2: channel 2 has no role"):
        run(VOICE, OTHER, noise(SR, 8.2, seed=9))
    three = run(VOICE, OTHER, noise(SR, 8.2, seed=9), roles={2: "customer"})
    assert rows(three) == [(0, "customer", 2), (1, "agent", 0), (2, "customer", 2)]


def test_facts_of_a_channel():
    (channel,) = run(VOICE, plan=plan(mono="customer"))
    assert (channel.codec, channel.sample_rate, channel.narrowband) == ("float", SR, False)
    assert channel.duration_s == 8.2
    assert channel.loudness_dbfs == pytest.approx(10 * np.log10(np.mean(VOICE.astype(float) ** 2)), abs=1e-4)
    np.testing.assert_array_equal(channel.start_s, [0, 4])
    np.testing.assert_array_equal(channel.end_s, [4, 8.2])
    first = 10 * np.log10(np.mean(VOICE[: 4 * SR].astype(float) ** 2))
    assert channel.segment_loudness_dbfs[0] == pytest.approx(first, abs=1e-4)


def test_a_silent_channel_has_its_row_and_no_segments():
    (silent, agent) = run(0 * VOICE, OTHER)
    assert (silent.role, silent.loudness_dbfs, len(silent.vectors), agent.role) == ("customer", -120.0, 0, "agent")
    assert silent.vectors.shape == (0, 180)


def test_a_lower_rate_is_upsampled_and_flagged():
    (channel,) = run(VOICE, plan=plan(mono="customer", sample_rate_hz=16000))
    assert channel.narrowband and channel.sample_rate == SR
    np.testing.assert_allclose(channel.end_s, [4, 8.2])


def test_resampled_audio_sounds_the_same_and_keeps_its_times():
    wide = tone(440, 48000, 5.0)
    (channel,) = run(wide, sr=48000, plan=plan(mono="customer"))
    (native,) = run(tone(440, SR, 5.0), plan=plan(mono="customer"))
    assert not channel.narrowband
    np.testing.assert_allclose(channel.end_s, native.end_s)
    np.testing.assert_allclose(channel.vectors[0, 40:], native.vectors[0, 40:], rtol=0.05, atol=0.02)


def test_more_segments_than_a_batch():
    (channel,) = run(np.tile(VOICE, 20), plan=plan(mono="customer"))
    assert len(channel.vectors) == len(channel.start_s) == 41
    np.testing.assert_array_equal(channel.start_s, np.arange(41) * 4.0)
    last = np.tile(VOICE, 20)[160 * SR :]
    np.testing.assert_array_equal(channel.vectors[40], plan().feature_set.extract([last])[0])


def test_an_agents_channel_has_speech_and_no_vectors():
    t = np.arange(8 * SR) / SR
    rng = np.random.default_rng(0)
    balance = [rng.uniform(0, 1, 33)[(4 * t).astype(int)] ** 3 / k for k in range(1, 20)]
    y = sum(b * np.sin(2 * np.pi * 150 * k * t) for k, b in enumerate(balance, 1)) * np.sin(np.pi * 4 * t) ** 2
    y = np.concatenate([np.zeros(2 * SR), 0.1 * y, np.zeros(2 * SR)]).astype(np.float32)
    agent = run(np.roll(y, 2 * SR), y, plan=plan(mode="speech"))[1]
    assert agent.role == "agent" and agent.vectors.shape == (0, 180)
    np.testing.assert_allclose([agent.speech[0][0], agent.speech[-1][1]], [2, 10], atol=0.3)
    assert 16 <= agent.syllables <= 40
    assert run(np.roll(y, 2 * SR), y, plan=plan(mode="window"))[1].speech == agent.speech


def under(y, conditions, plan=plan(mono="customer")):  # noqa: B008 - frozen
    data = encode(y, SR, "WAV", "FLOAT")
    return extract(io.BytesIO(data), len(data), plan, None, conditions, "r1").channels


COPIES = training_conditions(AugmentationSettings(varied=2, line=1, seed=0))


def test_each_copy_is_cut_and_described_as_a_recording_of_its_own():
    recorded, *copies = under(VOICE, (RECORDED, *COPIES))
    assert [channel.condition for channel in (recorded, *copies)] == [AS_RECORDED, *(channel.id for channel in COPIES)]
    np.testing.assert_array_equal(recorded.vectors, run(VOICE, plan=plan(mono="customer"))[0].vectors)
    for copy, condition in zip(copies, COPIES, strict=True):
        z = condition.apply(VOICE, SR, "r1/0")
        (whole,) = run(z, plan=plan(mono="customer"))
        np.testing.assert_array_equal(copy.vectors, whole.vectors)
        np.testing.assert_allclose(copy.start_s, whole.start_s * len(VOICE) / len(z))
        assert copy.end_s.max() <= copy.duration_s == recorded.duration_s
        assert copy.loudness_dbfs == pytest.approx(whole.loudness_dbfs, abs=1e-4)


def test_copies_are_made_of_the_analysis_rate_and_without_the_recording():
    alone = under(VOICE, COPIES[:1])
    assert [channel.condition for channel in alone] == [COPIES[0].id]
    np.testing.assert_array_equal(alone[0].vectors, under(VOICE, (RECORDED, *COPIES))[1].vectors)
    wide = plan(mono="customer", sample_rate_hz=16000)
    y = tone(440, 16000, 3.0)
    data = encode(y, 16000, "WAV", "FLOAT")
    channels = extract(io.BytesIO(data), len(data), wide, None, (RECORDED, *COPIES), "r1").channels
    assert [channel.narrowband for channel in channels] == [False, False, False, True]


def test_a_labels_place_in_a_copy_is_its_place_in_the_recording():
    """A burst of noise from 4.0 to 4.5 s is a stretch of speech at its own time, however fast the copy is."""
    y = np.zeros(8 * SR, np.float32)
    t = np.arange(SR) / SR
    rng = np.random.default_rng(0)
    parts = [rng.uniform(0, 1, 9)[(8 * t).astype(int)] ** 2 * np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 20)]
    y[4 * SR : 5 * SR] = 0.1 * np.sum(parts, axis=0)
    recorded, *copies = under(y, (RECORDED, *COPIES), plan(mono="customer", mode="speech"))
    for copy in copies:
        assert copy.speech[0][0] == pytest.approx(recorded.speech[0][0], abs=0.12)
        assert copy.speech[-1][1] == pytest.approx(recorded.speech[-1][1], abs=0.25)


def test_a_channel_that_is_not_scored_has_no_vectors_in_a_copy_either():
    data = encode(np.stack([VOICE, OTHER], axis=1), SR, "WAV", "FLOAT")
    channels = extract(io.BytesIO(data), len(data), plan(), None, COPIES[:1], "r1").channels
    assert [(channel.role, len(channel.vectors) > 0) for channel in channels] == [("customer", True), ("agent", False)]
    both = extract(io.BytesIO(data), len(data), plan(("customer", "agent")), None, COPIES[:1], "r1").channels
    assert not np.array_equal(both[0].vectors, both[1].vectors[: len(both[0].vectors)])


def test_a_long_recording_has_no_copies():
    long = np.tile(VOICE, 74)[: 601 * SR]
    assert [channel.condition for channel in under(long, (RECORDED, *COPIES))] == [AS_RECORDED]
    assert under(long, COPIES) == ()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_call():
    peaks = []
    for repeats in (8, 80):  # one minute, eleven minutes
        data = encode(np.tile(np.stack([VOICE, OTHER], axis=1), (repeats, 1)), SR, "WAV", "ULAW")
        tracemalloc.start()
        extract(io.BytesIO(data), len(data), plan(("customer", "agent"), mode="speech"))
        peaks.append(tracemalloc.get_traced_memory()[1] - len(data))
        tracemalloc.stop()
    assert peaks[1] < 1.25 * peaks[0]


def test_plan_and_result_are_picklable():
    travelled = pickle.loads(pickle.dumps(plan(mono="customer")))
    (channel,) = run(VOICE, plan=travelled)
    (other,) = pickle.loads(pickle.dumps(run(VOICE, plan=plan(mono="customer"))))
    np.testing.assert_array_equal(channel.vectors, other.vectors)


def test_the_plan_of_settings():
    assert ExtractionPlan.of(SETTINGS).roles_scored == ("customer",)
    assert ExtractionPlan.of(SETTINGS).feature_set.name == "paper-180@8k"


@pytest.mark.corpus
@pytest.mark.skipif(not os.environ.get("SER_CORPORA"), reason="SER_CORPORA is not set")
def test_every_clip_of_ravdess_is_one_voice():
    clips = sorted((Path(os.environ["SER_CORPORA"]) / "ravdess" / "speech-16k").glob("Actor_*/*.flac"))
    assert len(clips) == 1440
    for clip in clips:
        with clip.open("rb") as source:
            (channel,) = extract(source, clip.stat().st_size, plan(mono="customer", mode="speech")).channels
        assert len(channel.vectors) >= 1, clip.name
        assert np.isfinite(channel.vectors).all(), clip.name
