"""Syllables counted in RAVDESS, whose two statements have seven each; tuned on actors 1 to 12.

Run with SER_CORPORA set: `python -m tests.benchmarks.syllables`.
"""

import numpy as np
import soxr

from ser_core.config import load_settings
from ser_core.sound.segments import open_segmenter
from ser_core.sound.speech import count_syllables
from tests.support.calls import clip_paths, read_clip

SYLLABLES, SR = 7, 8000


def counted(actors, every=1):
    """Syllables counted in each clip."""
    segments = load_settings(environ={}).segments.model_copy(update={"mode": "speech"})
    counts = []
    for path in clip_paths(actors)[::every]:
        segmenter = open_segmenter(segments, SR)
        y = soxr.resample(read_clip(path), 16000, SR)
        counts.append(sum(count_syllables(s.y, SR) for s in [*segmenter.push(y), *segmenter.finish()]))
    return np.array(counts)


def main():
    print("| actors | within 15 % of 7 | mean | deviation |")
    print("|---|---|---|---|")
    for name, actors in (("1 to 12 (tuned on)", range(1, 13)), ("13 to 24", range(13, 25))):
        counts = counted(actors)
        within = np.mean(np.abs(counts - SYLLABLES) <= 0.15 * SYLLABLES)
        print(f"| {name} | {within:.1%} | {counts.mean():.2f} | {counts.std():.2f} |")


if __name__ == "__main__":
    main()
