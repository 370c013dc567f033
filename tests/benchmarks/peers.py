"""`functionals-v1` against openSMILE, and pitch against librosa's usual functions."""

from __future__ import annotations

import librosa

from ser_core.config import load_settings
from ser_core.sound.features import feature_set
from tests.benchmarks.material import audio_s, clips
from tests.benchmarks.registry import Measured, NotMeasuredError, benchmark, versus

SR = 16000


@benchmark("full_vs_compare", "functionals-v1 at 16 kHz / openSMILE's ComParE_2016; both without decoding", at_least=6)
def full_vs_compare() -> Measured:
    return _versus_opensmile("ComParE_2016")


@benchmark("full_vs_egemaps", "functionals-v1 at 16 kHz / openSMILE's eGeMAPSv02; both without decoding", at_least=6)
def full_vs_egemaps() -> Measured:
    return _versus_opensmile("eGeMAPSv02")


@benchmark(
    "full_vs_pyin", "functionals-v1 at 16 kHz / librosa's MFCC and pyin alone, 3 clips; without decoding", at_least=6
)
def full_vs_pyin() -> Measured:
    ys = clips(SR)[:3]

    def pyin() -> None:
        for y in ys:
            librosa.feature.mfcc(y=y, sr=SR, n_mfcc=40)
            librosa.pyin(y, fmin=65, fmax=650, sr=SR)

    ours = _ours()
    return versus(lambda: ours.extract(ys), pyin, audio_s(ys, SR), repeats=3)


def _versus_opensmile(name: str) -> Measured:
    try:
        import opensmile
    except ImportError:
        raise NotMeasuredError("needs the extra peers: pip install -e '.[peers]'") from None
    smile = opensmile.Smile(opensmile.FeatureSet[name], opensmile.FeatureLevel.Functionals, num_workers=1)
    ys, ours = clips(SR), _ours()
    return versus(lambda: ours.extract(ys), lambda: [smile.process_signal(y, SR) for y in ys], audio_s(ys, SR))


def _ours():
    settings = load_settings(["--features.set", "functionals-v1", "--features.sample-rate-hz", str(SR)], environ={})
    return feature_set(settings.features, settings.segments)
