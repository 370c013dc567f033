"""How often test speakers were looked at: a line a look, so that nobody takes the best of many for the expected."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config.settings import TrainingSettings
from ser_core.errors import SettingsError
from ser_core.learning.evaluation.corpus_figures import figures


@dataclass(frozen=True)
class OuterLog:
    """A file of JSON lines, which is only ever added to."""

    path: Path

    def __post_init__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8"):
                pass
        except OSError as error:
            raise SettingsError([f"--log {self.path}: cannot be written ({error.strerror})"]) from None

    def add(
        self, predictions: pa.Table, training: Mapping[int, TrainingSettings], of: Mapping[str, Any], at: dt.datetime
    ) -> None:
        """A line a condition and fold of `predictions`: when, what, its UAR, and a digest of `of` (what else the
        figures depend on, such as the features) and the fold's settings."""
        lines = []
        for name in pc.unique(predictions["condition"]).to_pylist():
            rows = predictions.filter(pc.equal(predictions["condition"], name))
            for fold, settings in training.items():
                said = {**of, "training": settings.model_dump(mode="json")}
                digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]
                uar = figures(rows.filter(pc.equal(rows["fold"], fold)))["uar"]
                told = {"at": at.isoformat(timespec="seconds"), "condition": name, "fold": fold, "settings": digest}
                lines.append(json.dumps({**told, "uar": round(uar, 4), **of}) + "\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
