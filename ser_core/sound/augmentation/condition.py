"""A condition: how copies of recordings are altered, by name, with a fingerprint of all that changes a sample."""

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
from ser_core.sound.augmentation.ranges import ANOTHER_VOICE, ANY_LINE, STANDARD_LINE, Lines, VoiceChange

Array = npt.NDArray[np.float32]

_REVISION = 1  # raised with every change to this package, or to what it takes of `telephone_line`, that moves a sample


@dataclass(frozen=True)
class Condition:
    """One altered copy of each recording: another voice, then a line; either may be None. Picklable."""

    name: str
    voice: VoiceChange | None
    line: Lines | None
    seed: int

    @cached_property
    def id(self) -> str:
        """The column `condition`: `<name>:<fingerprint>`, or the name alone where nothing is altered."""
        if self.voice is None and self.line is None:
            return self.name
        canonical = json.dumps({"revision": _REVISION, **asdict(self)}, sort_keys=True, separators=(",", ":"))
        return f"{self.name}:{hashlib.sha256(canonical.encode()).hexdigest()[:12]}"

    def apply(self, y: Array, sr: int, key: str) -> Array:
        """The copy of `y`, float32 (n,) of finite samples at `sr`: float32 (m,) at `sr`, within full scale.

        `key` names the channel: the same condition and key always give the same copy. m differs from n where the copy
        is faster or slower; its pace is constant.
        """
        if not len(y):
            return y
        rng = np.random.default_rng(list(hashlib.sha256(f"{self.id}\0{key}".encode()).digest()))
        z = y if self.voice is None else self.voice.apply(y, sr, rng)
        return z if self.line is None else self.line.apply(z, sr, rng)


RECORDED = Condition(AS_RECORDED, None, None, 0)
"""No alteration: `apply` returns its argument."""

TELEPHONE_CONDITION = Condition("telephone", None, STANDARD_LINE, 0)
"""300 to 3400 Hz at 8 kHz, white noise 20 dB below the speech, G.711 µ-law."""


def training_conditions(settings: AugmentationSettings) -> tuple[Condition, ...]:
    """The copies that a model is trained on: `varied-1`, `varied-2` and so on, then `line-1` and so on."""
    varied = (Condition(f"varied-{i + 1}", ANOTHER_VOICE, None, settings.seed) for i in range(settings.varied))
    lines = (Condition(f"line-{i + 1}", ANOTHER_VOICE, ANY_LINE, settings.seed) for i in range(settings.line))
    return (*varied, *lines)


def describe(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """The `name`, `id`, `seed` and parameter ranges of each condition, as plain values."""
    return [{"id": condition.id, **json.loads(json.dumps(asdict(condition)))} for condition in conditions]
