"""Segments to label and labelled stretches, matched with the tables."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ser_core.data.tables.catalog import Catalog
from ser_core.data.tables.newest import EXTRACTION, FILE, newest
from ser_core.data.tables.schemas import CHANNELS, LABELS, probability
from ser_core.data.tables.store import TableStore, rows
from ser_core.emotions import EMOTIONS
from ser_core.errors import CorpusError
from ser_core.learning.corpora.base import LabelledStretch

_POSTERIORS = tuple(probability(emotion) for emotion in EMOTIONS)

_CANDIDATES = """
SELECT s.recording_id, s.channel, s.call_id, s.start_s, s.end_s, s.model_version, r.uri, {posteriors}
FROM current_segment_emotions s
JOIN recordings r ON r.recording_id = s.recording_id AND r.call_date = s.call_date
    AND r.gone_at IS NULL AND r.duplicate_of IS NULL
WHERE s.role IN ({roles}) AND s.end_s - s.start_s >= {min_s}
    AND s.call_date BETWEEN {first} AND {last} AND {calls}
    AND NOT EXISTS (
        SELECT 1 FROM labels l
        WHERE l.recording_id = s.recording_id AND coalesce(l.channel, s.channel) = s.channel
            AND l.start_s < s.end_s AND coalesce(l.end_s, s.end_s) > s.start_s
    )
ORDER BY s.call_date, s.call_id, s.recording_id, s.channel, s.start_s
"""
_RECORDINGS = """
SELECT uri, recording_id, call_date, gone_at IS NOT NULL AS gone
FROM recordings WHERE uri IN ({uris}) AND duplicate_of IS NULL AND call_date BETWEEN {first} AND {last}
"""
_CHANNELS = (*EXTRACTION, "channel", "role")


@dataclass(frozen=True)
class Candidates:
    """Segments that may be labelled: n `rows`, and `posteriors` (n, emotions in the order of `EMOTIONS`), 0 for an
    emotion that the model does not have."""

    rows: pa.Table
    posteriors: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)


def candidates(
    catalog: Catalog,
    roles: Sequence[str],
    first: dt.date | None,
    last: dt.date | None,
    min_s: float,
    call_ids: Collection[str] = (),
) -> Candidates:
    """Segments without a label that the promoted model scored, of recordings that still exist.

    Args:
        catalog: the archive's tables.
        roles: of the channels that may be listened to.
        first: the first call date; None for all before `last`.
        last: the last call date; None for all after `first`.
        min_s: the shortest segment, in seconds.
        call_ids: of these calls only; of all where empty.
    """
    parameters = {
        "posteriors": ", ".join(f"s.{name}" for name in _POSTERIORS),
        "roles": _listed(roles),
        "min_s": repr(float(min_s)),
        "calls": f"s.call_id IN ({_listed(sorted(call_ids))})" if call_ids else "true",
        **_between(first, last),
    }
    segments = catalog.query(_CANDIDATES.format(**parameters))
    columns = [segments.column(name).fill_null(0.0).to_numpy() for name in _POSTERIORS]
    return Candidates(segments.drop_columns(list(_POSTERIORS)), np.column_stack(columns).astype(np.float64))


@dataclass(frozen=True)
class Placed:
    """Labels of existing recordings, as read and as `rows` of the table, and the uris of other recordings: `unknown` to
    the tables, or `gone`."""

    labels: list[LabelledStretch]
    rows: list[Mapping[str, Any]]
    unknown: list[str]
    gone: list[str]


def place(
    catalog: Catalog,
    store: TableStore,
    labels: Sequence[LabelledStretch],
    roles: Collection[str],
    date: dt.date | None = None,
) -> Placed:
    """Matches `labels` with recordings by uri, and reads the channels of their dates only.

    Args:
        catalog: the archive's tables.
        store: the same tables.
        labels: as read from sheets.
        roles: of the channels that may be labelled.
        date: of the calls; where None, `recordings` is looked through.

    Raises:
        CorpusError: a label is of a channel whose role is not in `roles`, or that was never extracted.
    """
    uris = sorted({label.key for label in labels})
    sql = _RECORDINGS.format(uris=_listed(uris), **_between(date, date))
    recordings = catalog.query(sql).to_pylist() if uris else []
    ids = {row["uri"]: row["recording_id"] for row in recordings if not row["gone"]}
    of_recording = _channel_roles(store, {row["call_date"] for row in recordings}, set(ids.values()))
    by_channel = {(uri, channel): role for uri, name in ids.items() for channel, role in of_recording[name].items()}
    faults = [fault for label in labels if label.key in ids for fault in _faults(label, by_channel, roles)]
    if faults:
        shown = "\n".join(f"  - {fault}" for fault in sorted(set(faults)))
        raise CorpusError(f"Labels of channels that may not be labelled; remove these rows:\n{shown}")
    gone = {row["uri"] for row in recordings if row["gone"]} - set(ids)
    matched = [label for label in labels if label.key in ids]
    return Placed(
        matched,
        [_row(ids[label.key], label) for label in matched],
        [uri for uri in uris if uri not in ids and uri not in gone],
        sorted(gone),
    )


def _channel_roles(
    store: TableStore, dates: Collection[dt.date], recording_ids: Collection[str]
) -> Mapping[str, Mapping[int, str | None]]:
    """The role of each channel, by recording."""
    roles: dict[str, dict[int, str | None]] = defaultdict(dict)
    wanted = pa.array(sorted(recording_ids), pa.string())
    for date in sorted(dates):
        channels = newest(store.read_all(CHANNELS, store.files_of(CHANNELS, call_date=date), _CHANNELS))
        own = channels.filter(pc.is_in(channels["recording_id"], value_set=wanted))
        for row in own.sort_by(FILE).to_pylist():  # of several feature sets, the last one
            roles[row["recording_id"]][row["channel"]] = row["role"]
    return roles


def merge(store: TableStore, name: str, new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Adds `new` to `labels/<name>.parquet`, replacing rows of the same stretch and annotator, and returns all rows."""
    key = f"{LABELS.name}/{name}.parquet"
    existing = store.read(key, schema=LABELS.schema).to_pylist() if store.storage.exists(key) else []
    merged = {tuple(row[column] for column in LABELS.key): row for row in (*existing, *new)}
    store.write(key, rows(LABELS.schema, merged.values()))
    return list(merged.values())


def _faults(
    label: LabelledStretch, by_channel: Mapping[tuple[str, int], str | None], roles: Collection[str]
) -> list[str]:
    own_roles = {
        channel: role
        for (uri, channel), role in by_channel.items()
        if uri == label.key and label.channel in {None, channel}
    }
    if not own_roles:
        return [f"{label.key}: channel {_shown(label.channel)} has not been extracted; run `ser extract` first"]
    return [
        f"{label.key}: channel {channel} is {role}; scoring.roles is {', '.join(roles)}"
        for channel, role in own_roles.items()
        if role not in roles
    ]


def _shown(channel: int | None) -> str:
    return "(any)" if channel is None else str(channel)


def _row(recording_id: str, label: LabelledStretch) -> Mapping[str, Any]:
    names = (*LABELS.key[1:], "corpus", "speaker", "emotion", "intensity", "language")
    row = {name: getattr(label, name) for name in names}
    return {**row, "recording_id": recording_id, "extra": list(label.extra.items())}


def _between(first: dt.date | None, last: dt.date | None) -> Mapping[str, str]:
    """Both ends of a range of dates in SQL; a missing end is open."""
    ends = {"first": first or dt.date.min, "last": last or dt.date.max}
    return {name: f"DATE '{date.isoformat()}'" for name, date in ends.items()}


def _listed(texts: Sequence[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
