"""A log of every evaluation on outer folds, so that the best of many results is not taken for the expected one."""

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
from ser_core.learning.evaluation.corpus_metrics import condition_metrics


@dataclass(frozen=True)
class OuterLog:
    """An append-only file of JSON lines."""

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
        """Appends a line for each condition and fold of `predictions`, with time and UAR.

        `of` is what else the metrics depend on, such as the features. Each line has a digest of `of` and of the fold's
        settings.
        """
        lines = []
        for name in pc.unique(predictions["condition"]).to_pylist():
            rows = predictions.filter(pc.equal(predictions["condition"], name))
            for fold, settings in training.items():
                inputs = {**of, "training": settings.model_dump(mode="json")}
                digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:12]
                uar = condition_metrics(rows.filter(pc.equal(rows["fold"], fold)))["uar"]
                entry = {"at": at.isoformat(timespec="seconds"), "condition": name, "fold": fold, "settings": digest}
                lines.append(json.dumps({**entry, "uar": round(uar, 4), **of}) + "\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(lines)
