"""A condition: under what a recording is heard, by name, with a fingerprint of all that changes a sample."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_core.config.training_settings import AugmentationSettings
from ser_core.data.tables.schemas import AS_RECORDED
from ser_core.sound.augmentation.ranges import ANOTHER_VOICE, ANY_LINE, ONE_LINE, Lines, VoiceChange

Array = npt.NDArray[np.float32]

_REVISION = 1  # raised with every change to this package, or to what it takes of `audio.line`, that moves a sample


@dataclass(frozen=True)
class Condition:
    """Copies of recordings, one each: another voice, then a line, where there is one. Picklable."""

    name: str
    voice: VoiceChange | None
    line: Lines | None
    seed: int

    @cached_property
    def id(self) -> str:
        """What stands in the column `condition`: `<name>:<fingerprint>`, of what is as recorded the name alone."""
        if self.voice is None and self.line is None:
            return self.name
        canonical = json.dumps({"revision": _REVISION, **asdict(self)}, sort_keys=True, separators=(",", ":"))
        return f"{self.name}:{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"

    def apply(self, y: Array, sr: int, key: str) -> Array:
        """The copy of `y` float32 (n,) at `sr`, a channel of finite samples: float32 (m,) at `sr`, within full scale.

        `key` names the channel: the same condition and key give the same copy, whatever else is made. m is not n where
        the copy is faster or slower, throughout.
        """
        if not len(y):
            return y
        rng = np.random.default_rng(list(hashlib.sha256(f"{self.id}\0{key}".encode()).digest()))
        z = y if self.voice is None else self.voice.apply(y, sr, rng)
        return z if self.line is None else self.line.apply(z, sr, rng)


RECORDED = Condition(AS_RECORDED, None, None, 0)
"""No alteration: `apply` returns what it is given."""

TELEPHONE_CONDITION = Condition("telephone", None, ONE_LINE, 0)
"""300 to 3400 Hz at 8 kHz, white noise 20 dB below the speech, G.711 µ-law."""


def training_conditions(settings: AugmentationSettings) -> tuple[Condition, ...]:
    """The copies that a model is trained on: `varied-1` and on, then `line-1` and on."""
    varied = (Condition(f"varied-{i + 1}", ANOTHER_VOICE, None, settings.seed) for i in range(settings.varied))
    lines = (Condition(f"line-{i + 1}", ANOTHER_VOICE, ANY_LINE, settings.seed) for i in range(settings.line))
    return (*varied, *lines)


def describe(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """Of each condition `name`, `id`, `seed`, and the ranges that its parameters are drawn from, as plain values."""
    return [{"id": condition.id, **json.loads(json.dumps(asdict(condition)))} for condition in conditions]
