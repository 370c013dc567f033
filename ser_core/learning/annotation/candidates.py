"""What the tables say of segments to label, and of those that were labelled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.schemas import LABELS, probability
from ser_core.data.tables.store import TableStore, rows
from ser_core.emotions import EMOTIONS
from ser_core.errors import CorpusError
from ser_core.learning.corpora.base import LabelledStretch

_POSTERIORS = tuple(probability(emotion) for emotion in EMOTIONS)

_CANDIDATES = """
SELECT s.recording_id, s.channel, s.call_id, s.start_s, s.end_s, s.model_version, r.uri, {posteriors}
FROM current_segment_emotions s
JOIN recordings r ON r.recording_id = s.recording_id AND r.gone_at IS NULL AND r.duplicate_of IS NULL
WHERE s.role IN ({roles}) AND s.end_s - s.start_s >= {min_s}
    AND s.call_date BETWEEN {first} AND {last}
    AND NOT EXISTS (
        SELECT 1 FROM labels l
        WHERE l.recording_id = s.recording_id AND coalesce(l.channel, s.channel) = s.channel
            AND l.start_s < s.end_s AND coalesce(l.end_s, s.end_s) > s.start_s
    )
ORDER BY s.call_date, s.call_id, s.recording_id, s.channel, s.start_s
"""
_CHANNELS = """
SELECT r.uri, r.recording_id, r.gone_at IS NOT NULL AS gone, c.channel, arg_max(c.role, c.run_id) AS role
FROM recordings r LEFT JOIN channels c ON c.recording_id = r.recording_id
WHERE r.uri IN ({uris}) AND r.duplicate_of IS NULL
GROUP BY ALL
"""


@dataclass(frozen=True)
class Candidates:
    """Segments that may be labelled: `rows` (n), and `posteriors` (n, emotions in the order of `EMOTIONS`), 0 where the
    model knows no such emotion."""

    rows: pa.Table
    posteriors: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


def candidates(
    catalog: Catalog, roles: Sequence[str], first: dt.date | None, last: dt.date | None, min_s: float
) -> Candidates:
    """Segments that the promoted model scored and nobody has labelled, of recordings that are still there.

    Args:
        catalog: the archive's tables.
        roles: whose voices may be listened to.
        first: the first call date; None for all before `last`.
        last: the last call date; None for all after `first`.
        min_s: the shortest segment, in seconds.
    """
    asked = {
        "posteriors": ", ".join(f"s.{name}" for name in _POSTERIORS),
        "roles": _listed(roles),
        "min_s": repr(float(min_s)),
        "first": f"DATE '{(first or dt.date.min).isoformat()}'",
        "last": f"DATE '{(last or dt.date.max).isoformat()}'",
    }
    found = catalog.query(_CANDIDATES.format(**asked))
    columns = [found.column(name).fill_null(0.0).to_numpy() for name in _POSTERIORS]
    return Candidates(found.drop_columns(list(_POSTERIORS)), np.column_stack(columns).astype(np.float64))


@dataclass(frozen=True)
class Placed:
    """Labels of recordings that are there, as they are and as rows of `labels`; and the uris of the others, which the
    tables do not know, or know to be gone."""

    labels: list[LabelledStretch]
    rows: list[Mapping[str, Any]]
    unknown: list[str]
    gone: list[str]


def place(catalog: Catalog, labels: Sequence[LabelledStretch], roles: Collection[str]) -> Placed:
    """Finds the recordings that `labels` name by uri.

    Raises:
        CorpusError: a label is of a channel whose role is not in `roles`, or that was never extracted.
    """
    uris = sorted({one.key for one in labels})
    found = catalog.query(_CHANNELS.format(uris=_listed(uris))).to_pylist() if uris else []
    ids = {row["uri"]: row["recording_id"] for row in found if not row["gone"]}
    by_channel = {(row["uri"], row["channel"]): row["role"] for row in found}
    faults = [fault for one in labels if one.key in ids for fault in _faults(one, by_channel, roles)]
    if faults:
        shown = "\n".join(f"  - {fault}" for fault in sorted(set(faults)))
        raise CorpusError(f"Labels of voices that may not be labelled; take these rows out:\n{shown}")
    gone = {row["uri"] for row in found if row["gone"]} - set(ids)
    there = [one for one in labels if one.key in ids]
    return Placed(
        there,
        [_row(ids[one.key], one) for one in there],
        [uri for uri in uris if uri not in ids and uri not in gone],
        sorted(gone),
    )


def merge(store: TableStore, name: str, new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Writes `labels/<name>.parquet` and returns its rows: `new`, and what was there of other stretches and people."""
    key = f"{LABELS.name}/{name}.parquet"
    held = store.read(key, schema=LABELS.schema).to_pylist() if store.storage.exists(key) else []
    merged = {tuple(row[column] for column in LABELS.key): row for row in (*held, *new)}
    store.write(key, rows(LABELS.schema, merged.values()))
    return list(merged.values())


def _faults(
    label: LabelledStretch, by_channel: Mapping[tuple[str, int | None], str | None], roles: Collection[str]
) -> list[str]:
    named = {
        channel: role
        for (uri, channel), role in by_channel.items()
        if uri == label.key and channel is not None and label.channel in {None, channel}
    }
    if not named:
        return [f"{label.key}: channel {_shown(label.channel)} has not been extracted; run `ser extract` first"]
    return [
        f"{label.key}: channel {channel} is {role}; scoring.roles is {', '.join(roles)}"
        for channel, role in named.items()
        if role not in roles
    ]


def _shown(channel: int | None) -> str:
    return "(any)" if channel is None else str(channel)


def _row(recording_id: str, label: LabelledStretch) -> Mapping[str, Any]:
    names = (*LABELS.key[1:], "corpus", "speaker", "emotion", "intensity", "language")
    row = {name: getattr(label, name) for name in names}
    return {**row, "recording_id": recording_id, "extra": list(label.extra.items())}


def _listed(texts: Sequence[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
