"""Text to speech with espeak-ng, through its C interface (speak_lib.h, API version 12).

espeak-ng is GPL-3.0 and comes with the optional extra `demo`. Only the demo uses it; ser_core and jobs never do.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, and espeak_Synth returns when all are made
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: an error is returned, where the default ends the process
_CHARS_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_HEADROOM_VOLUME = 60  # of 0 to 200, where 100 is the default: the loudest voice does not clip

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Prosody:
    """How something is said: words a minute (80 to 450), pitch and pitch range (0 to 99, 50 is the voice's own)."""

    rate_wpm: float
    pitch: float
    range_: float


class Espeak:
    """The synthesiser; one a process, because the library keeps its state in globals."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate = int(self._lib.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT))
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng found no usable voice data in {data.decode()}: reinstall espeakng-loader")
        self._chunks: list[bytes] = []
        self._callback = _Callback(self._receive)  # kept: C holds no reference to it
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._chunks.append(ctypes.string_at(samples, count * ctypes.sizeof(ctypes.c_short)))
        return 0  # 1 would stop the synthesis

    def speak(self, text: str, voice: str, prosody: Prosody) -> NDArray[np.float32]:
        """`text` in `voice` (a language and a variant, such as "en-us+f2"), float32 (n,) at `sample_rate`.

        Raises:
            ValueError: espeak-ng does not know the voice.
            RuntimeError: espeak-ng made no speech.
        """
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for parameter, value, low, high in (
            (_RATE, prosody.rate_wpm, 80, 450),
            (_VOLUME, _HEADROOM_VOLUME, 0, 200),
            (_PITCH, prosody.pitch, 0, 99),
            (_RANGE, prosody.range_, 0, 99),
        ):
            self._lib.espeak_SetParameter(parameter, round(min(max(value, low), high)), 0)
        self._lib.espeak_ng_SetRandSeed(
            ctypes.c_long(1)
        )  # the breath of some voices is noise, else seeded by the clock
        self._chunks.clear()
        said = text.encode()
        status = self._lib.espeak_Synth(said, len(said) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        if status != 0 or not self._chunks:
            raise RuntimeError(f"espeak-ng said nothing (status {status}) for {text!r} in {voice!r}")
        return np.frombuffer(b"".join(self._chunks), dtype="<i2").astype(np.float32) / 32768.0
