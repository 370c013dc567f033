"""What is on a telephone line beside voices: tones, music, hum, breath, clicks, noise; from synthesis, at 8 kHz."""

import io

import numpy as np
import scipy.signal
import soundfile as sf

from tests.support.audio import encode

SR = 8000
KEYS = [(low, high) for low in (697, 770, 852, 941) for high in (1209, 1336, 1477)]


def times(duration_s):
    return np.arange(round(duration_s * SR)) / SR


def tones(duration_s, *hertz):
    return sum(np.sin(2 * np.pi * hz * times(duration_s)) for hz in hertz) / len(hertz)


def cadence(y, on_s, off_s):
    """`y` in turn on and off, with ramps of 5 ms."""
    inside = (np.arange(len(y)) / SR) % (on_s + off_s) < on_s
    return y * np.convolve(inside, np.ones(40) / 40, "same")


def band_noise(duration_s, low, high, rng):
    filters = scipy.signal.butter(2, [low / (SR / 2), high / (SR / 2)], "band")
    y = scipy.signal.lfilter(*filters, rng.standard_normal(round(duration_s * SR)))
    return y / y.std()


def coming_and_going(y, rng):
    """`y` for 0.3 to 4 s each time, at levels over 12 dB."""
    gain, at = np.zeros(len(y)), 0
    while at < len(y):
        on, off = (rng.uniform(0.3, 4, 2) * SR).astype(int)
        gain[at : at + on] = 10 ** (rng.uniform(-12, 0) / 20)
        at += on + off
    return y * np.convolve(gain, np.ones(80) / 80, "same")


def hum(duration_s, hz, rng):
    t = times(duration_s)
    y = sum(rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * hz * k * t + rng.uniform(0, 6)) for k in range(1, 12))
    return y / y.std()


def keypad(duration_s, rng):
    """Numbers of 4 to 11 digits of 80 ms, with pauses of 1 to 4 s."""
    y, at = np.zeros(round(duration_s * SR)), 0
    while at < len(y):
        for _ in range(rng.integers(4, 12)):
            tone = tones(0.08, *KEYS[rng.integers(len(KEYS))])[: max(0, len(y) - at)]
            y[at : at + len(tone)] += tone
            at += round(0.16 * SR)
        at += int(rng.uniform(1, 4) * SR)
    return y


def breath(duration_s, rng):
    y, at = np.zeros(round(duration_s * SR)), int(rng.uniform(0.5, 2) * SR)
    while at < len(y) - 2 * SR:
        length = rng.uniform(0.25, 1)
        sound = band_noise(length, rng.uniform(300, 800), rng.uniform(1500, 3500), rng)
        y[at : at + len(sound)] = sound * np.hanning(len(sound)) * rng.uniform(0.3, 1)
        at += len(sound) + int(rng.uniform(0.8, 4) * SR)
    return y


def clicks(duration_s, rng):
    y = np.zeros(round(duration_s * SR))
    for at in rng.integers(0, len(y) - 200, round(2 * duration_s)):
        n = rng.integers(1, 60)
        y[at : at + n] += 4 * rng.standard_normal(n) * np.exp(-np.arange(n) / max(1, n / 4))
    return y


def music(duration_s, timbre, rng):
    """Notes of a scale over chords, each with the harmonics of `timbre`: sine, organ, strings or piano."""
    y = np.zeros(round((duration_s + 8) * SR))
    at = 0
    while at < duration_s * SR:
        beats = 0.4 * rng.choice([0.5, 1, 1, 2])
        tune = note(262 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12), beats, timbre, rng)
        y[at : at + len(tune)] += tune
        at += len(tune)
    for bar in range(int(duration_s / 1.6) + 1):
        for semitones in ((0, 4, 7), (5, 9, 12), (7, 11, 14), (9, 12, 16))[bar % 4]:
            chord = note(131 * 2 ** (semitones / 12), 1.6, timbre, rng)
            y[round(bar * 1.6 * SR) :][: len(chord)] += 0.5 * chord
    y = y[: round(duration_s * SR)]
    return y / y.std()


def note(hz, duration_s, timbre, rng):
    t = times(duration_s)
    vibrato = 0.004 * np.sin(2 * np.pi * 5.5 * t + rng.uniform(0, 6)) if timbre == "strings" else 0
    phase = 2 * np.pi * np.cumsum(hz * (1 + vibrato) * np.ones(len(t))) / SR
    count = 1 if timbre == "sine" else min(int(3600 / hz), 12)
    decay = (lambda k: np.exp(-t * (2 + k))) if timbre == "piano" else (lambda k: 1)
    y = sum(decay(k) * np.sin(k * phase) / k for k in range(1, count + 1))
    edge = np.minimum(1, np.minimum(t, t[-1] - t) / 0.02)
    return y * edge


LINES = {
    "dial tone": lambda rng: cadence(tones(24, 350, 440), 5, 3),
    "dial tone 425": lambda rng: cadence(tones(24, 425), 10, 2),
    "ring us": lambda rng: cadence(tones(24, 440, 480), 2, 4),
    "ring eu": lambda rng: cadence(tones(24, 425), 1, 4),
    "ring uk": lambda rng: cadence(tones(24, 400, 450), 0.4, 0.2),
    "busy": lambda rng: cadence(tones(24, 480, 620), 0.5, 0.5),
    "congestion": lambda rng: cadence(tones(24, 480, 620), 0.25, 0.25),
    "keypad": lambda rng: keypad(24, rng),
    "hum 50": lambda rng: coming_and_going(hum(24, 50, rng), rng),
    "hum 60": lambda rng: coming_and_going(hum(24, 60, rng), rng),
    "hiss": lambda rng: coming_and_going(rng.standard_normal(24 * SR), rng),
    "comfort noise": lambda rng: coming_and_going(band_noise(24, 300, 3000, rng), rng),
    "breath": lambda rng: breath(24, rng),
    "clicks": lambda rng: clicks(24, rng),
    **{
        f"music {timbre}": lambda rng, of=timbre: music(24, of, rng) for timbre in ("sine", "organ", "strings", "piano")
    },
}


def line(kind, level, background=2e-4, seed=0):
    """24 s of a line of `kind` at about the amplitude `level` over white noise, coded as G.711."""
    rng = np.random.default_rng(seed)
    y = level * LINES[kind](rng) + background * rng.standard_normal(24 * SR)
    y = np.clip(y, -1, 1).astype(np.float32)
    return sf.read(io.BytesIO(encode(y, SR, "WAV", "ULAW")), dtype="float32")[0]
