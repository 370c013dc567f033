"""The predictions of a benchmark → its figures. The Parquet file that holds them gives the same again."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ser_core.learning.evaluation.call_metrics import figures
from ser_core.learning.evaluation.timeline import UNNORMALISED

_TOP = ("call_accuracy", "trend_correlation", "speech_recall", "silence_kept", "boundary_error_ms")


def summarise(predictions: pa.Table) -> dict[str, Any]:
    """Figures of rows of `PREDICTIONS`, which hold the condition `line`.

    Returns:
        `segment_uar`, `segment_uar_clean` and `segment_uar_skewed`, and the other figures of the condition `line`, all
        with speaker normalisation; `conditions` holds every figure of each condition, `without_normalisation` the
        same of the models without it.
    """
    by_condition = predictions.to_pandas().groupby("condition", sort=False)
    found = {str(name): figures(rows).to_json() for name, rows in by_condition}
    normalised = {name: of for name, of in found.items() if not name.endswith(UNNORMALISED)}
    plain = {name.removesuffix(UNNORMALISED): of for name, of in found.items() if name.endswith(UNNORMALISED)}
    top = {"segment_uar": normalised["line"]["segment_uar"]}
    top |= {f"segment_uar_{name}": of["segment_uar"] for name, of in normalised.items() if name != "line"}
    top |= {name: normalised["line"][name] for name in _TOP}
    return {**top, "conditions": normalised, "without_normalisation": plain}
