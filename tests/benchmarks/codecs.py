"""Distance of the features of each telephone format from those of the same 8 kHz audio as PCM.

The distance is the mean of |delta| in units of each feature's standard deviation over the clips.
Run with SER_CORPORA set: `python -m tests.benchmarks.codecs`.
"""

import io

import numpy as np
import soxr

from ser_core.config import load_settings
from ser_core.sound.audio import Resampler, open_audio
from ser_core.sound.features import feature_set
from tests.support.audio import encode
from tests.support.calls import clip_paths, read_clip

SR = 8000
FORMATS = (
    ("WAV", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("WAV", "ULAW"),
    ("WAV", "ALAW"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "GSM610"),
    ("MP3", "MPEG_LAYER_III"),
    ("OGG", "OPUS"),
    ("OGG", "VORBIS"),
)


def decoded(y, container, subtype, limits):
    data = encode(y, SR, container, subtype)
    with open_audio(io.BytesIO(data), len(data), limits) as reader:
        resampler = Resampler(reader.info.sample_rate, SR, 1)
        parts = [resampler.push(block) for block in reader.blocks(10.0)]
    return np.ascontiguousarray(np.concatenate([*parts, resampler.finish()])[:, 0])


def distances(paths):
    """Mean distance over features and clips by (container, subtype)."""
    settings = load_settings(["--config", "paper"], environ={})
    features = feature_set(settings.features, settings.segments)
    originals = [soxr.resample(read_clip(path), 16000, SR) for path in paths]
    reference = features.extract(originals)
    mean_distances = {}
    for kind in FORMATS:
        vectors = features.extract([decoded(y, *kind, settings.limits) for y in originals])
        mean_distances[kind] = float(np.mean(np.abs(vectors - reference) / reference.std(axis=0)))
    return mean_distances


def main():
    print("| format | distance in standard deviations |\n|---|---|")
    for (container, subtype), distance in distances(clip_paths(range(1, 25))[::10]).items():
        print(f"| {subtype} ({container}) | {distance:.3f} |")


if __name__ == "__main__":
    main()
