"""Speech activity on calls with known truth: speech found, silence kept, boundaries; compared with webrtcvad.

Run with SER_CORPORA set: `python -m tests.benchmarks.speech_activity`. Thresholds were tuned on the odd actors.
"""

import time

import numpy as np
import webrtcvad

from ser_core.config import load_settings
from tests.support.calls import CALL_RATE, clip_paths, detect, make_call, measure

CALLS_AN_ACTOR, CLIPS_A_CALL = 4, 10


def webrtc(y, mode, pause=60):
    """Spans of webrtcvad's frames of 10 ms, joined over pauses of `pause` frames."""
    vad = webrtcvad.Vad(mode)
    data = (np.clip(y, -1, 1) * 32767).astype("<i2").tobytes()
    active = [vad.is_speech(data[i : i + 160], CALL_RATE) for i in range(0, len(data) - 159, 160)]
    edges = np.flatnonzero(np.diff(np.array(active, int), prepend=0, append=0)) / 100
    spans = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if spans and start - spans[-1][1] <= pause / 100:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def main():
    segments = load_settings(environ={}).segments.model_copy(update={"mode": "speech"})
    detectors = {"ser": lambda y: detect(y, CALL_RATE, segments)}
    detectors |= {f"webrtcvad mode {mode}": lambda y, mode=mode: webrtc(y, mode) for mode in (0, 1, 2, 3)}
    print("| actors | line | detector | speech found | silence kept | boundary (median) | real time |")
    print("|---|---|---|---|---|---|---|")
    for half, actors in (("odd (tuned on)", range(1, 25, 2)), ("even", range(2, 25, 2))):
        for line, snr_db in (("clean", None), ("20 dB", 20.0)):
            rng = np.random.default_rng(0)
            calls = []
            for actor in actors:
                paths = clip_paths([actor])
                for _ in range(CALLS_AN_ACTOR):
                    chosen = rng.choice(len(paths), CLIPS_A_CALL, replace=False)
                    calls.append(make_call([paths[i] for i in chosen], rng, snr_db))
            for name, find in detectors.items():
                began = time.process_time()
                spans_by_call = [find(y) for y, _ in calls]
                wall = time.process_time() - began
                audio = sum(len(y) for y, _ in calls) / CALL_RATE
                recall, kept, error = measure(
                    (len(y) / CALL_RATE, truth, spans) for (y, truth), spans in zip(calls, spans_by_call, strict=True)
                )
                print(
                    f"| {half} | {line} | {name} | {recall:.1%} | {kept:.1%} | {1000 * error:.0f} ms "
                    f"| {audio / wall:,.0f}x |"
                )


if __name__ == "__main__":
    main()
