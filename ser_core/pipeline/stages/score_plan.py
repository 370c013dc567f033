"""What there is to score of one call date, and whether it has changed since it was scored. No Spark."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ser_core.config import Settings
from ser_core.data.tables.newest import FILE
from ser_core.data.tables.packed import packed
from ser_core.data.tables.schemas import CALL_TALK
from ser_core.data.tables.store import TableStore
from ser_core.learning.training.line_populations import line_of
from ser_core.pipeline.stages.transcripts_beside import TRANSCRIPT, with_transcripts
from ser_core.pipeline.state.date_state import DateRules, DateState

CHANNEL = ("recording_id", "version", "channel")
LINE = "line"
CARRIED = ("call_id", "call_date", "role", "agent_id", "queue")
PLAN = pa.schema(
    [
        ("call_date", pa.date32()),
        *((name, pa.string()) for name in ("talk_inputs", "score_inputs", "population_inputs")),
        *((name, pa.string()) for name in ("codecs", "unscored")),
        *((name, pa.int64()) for name in ("recordings", "known", "refused", "silent", "unfinished")),
        *((name, pa.int64()) for name in ("calls", "segments", "all_calls", "unscored_calls")),
        ("channels", pa.binary()),
    ]
)
"""`talk_inputs`, `score_inputs` and `population_inputs` are digests, null where there is nothing to score; the last is
of the vectors alone, not of whose calls they are nor of the run that has extracted them. `codecs` counts scored
channels by codec and `unscored` the other channels by role, in JSON. `known` are the date's recordings and those that
are gone, `silent` those whose scored channels have no speech. `unfinished` recordings are neither extracted nor refused
for good. `unscored_calls`, of `all_calls`, have no channel to score, with or without speech: they are refused, or their
channels have other roles. `channels` are packed rows of `TO_SCORE`."""

STATES = tuple(name for name in PLAN.names if name != "channels")

TO_SCORE = pa.schema(
    [
        ("recording_id", pa.string()),
        ("version", pa.string()),
        ("channel", pa.int16()),
        ("call_id", pa.string()),
        ("call_date", pa.date32()),
        *((name, pa.string()) for name in ("role", "agent_id", "queue")),
        (TRANSCRIPT, pa.string()),
        (FILE, pa.string()),
        ("segments", pa.int32()),
        (LINE, pa.string()),
    ]
)
"""A channel to score. Channels without segments are not among them."""

_INPUTS = ("recording_id", "version", "channel", "role", "segments", "extracted_by", "call_id", "agent_id", "queue")
_VECTORS = ("recording_id", "version", "channel", "segments", LINE)
_COUNTS = """
SELECT (SELECT count(*) FROM live WHERE NOT gone) AS recordings,
       (SELECT count(*) FROM live) AS known,
       (SELECT count(*) FROM live ANTI JOIN extractions USING (recording_id, version)
        SEMI JOIN refused USING (recording_id, version) WHERE NOT gone) AS refused,
       (SELECT count(*) FROM live JOIN extractions USING (recording_id, version)
        WHERE NOT gone AND extractions.segments = 0) AS silent,
       (SELECT count(*) FROM live ANTI JOIN extractions USING (recording_id, version)
        LEFT JOIN refused USING (recording_id, version) WHERE NOT gone AND NOT coalesce(final, false)) AS unfinished
"""


@dataclass(frozen=True)
class ScorePlan:
    """Called once a date; gives one row of `PLAN`. Picklable."""

    store: TableStore
    rules: DateRules
    settings: Settings

    def __call__(self, date: dt.date) -> pa.Table:
        """The row of `date`."""
        state = DateState(self.store, date, self.rules)
        channels = state.call_channels()
        row = {"call_date": date, **state.query(_COUNTS)[0], "talk_inputs": _digest(channels.select(_INPUTS))}
        scored = pc.is_in(channels["role"], pa.array(self.settings.scoring.roles, pa.string()))
        own, others = channels.filter(scored), channels.filter(pc.invert(scored))
        if len(own) and self.settings.transcripts.enabled:
            own = with_transcripts(own, self.settings)
            row["score_inputs"] = _digest(own.select([*_INPUTS, "transcript_version"]), channels.select(_INPUTS))
        elif len(own):
            row["score_inputs"] = _digest(own.select(_INPUTS), channels.select(_INPUTS))
        with_speech = own.filter(pc.greater(pc.coalesce(own["segments"], 0), 0))
        lines = zip(with_speech["narrowband"].to_pylist(), with_speech["codec"].to_pylist(), strict=True)
        with_speech = with_speech.append_column(LINE, pa.array([line_of(*pair) for pair in lines], pa.string()))
        row["population_inputs"] = _digest(with_speech.select(_VECTORS))
        row["calls"] = len(with_speech["call_id"].unique())
        row["segments"] = pc.sum(with_speech["segments"]).as_py() or 0
        row["codecs"] = json.dumps(Counter(codec or "unknown" for codec in own["codec"].to_pylist()), sort_keys=True)
        row["unscored"] = json.dumps(Counter(others["role"].to_pylist()), sort_keys=True)
        every = {call["call_id"] for call in state.query("SELECT DISTINCT call_id FROM live WHERE NOT gone")}
        row["all_calls"], row["unscored_calls"] = len(every), len(every.difference(own["call_id"].to_pylist()))
        row["channels"] = packed(with_speech)
        return pa.Table.from_pylist([row], schema=PLAN)


def with_talk_share(store: TableStore, rows: pa.Table, talk_files: Sequence[str]) -> pa.Table:
    """Segments with `talk_share`, the customer's share of the talk of both, null where unknown.

    Args:
        store: the tables.
        rows: with `call_id` and `talk_share`.
        talk_files: of `call_talk`, with the rows of these calls.
    """
    talk = store.read_all(CALL_TALK, talk_files, ("call_id", "customer_talk_s", "agent_talk_s"))
    both = pc.add(talk["customer_talk_s"], talk["agent_talk_s"])
    share = pc.divide(talk["customer_talk_s"], pc.if_else(pc.greater(both, 0), both, None))
    shares = dict(zip(talk["call_id"].to_pylist(), share.to_pylist(), strict=True))
    values = pa.array([shares.get(call_id) for call_id in rows["call_id"].to_pylist()], pa.float64())
    return rows.set_column(rows.schema.get_field_index("talk_share"), "talk_share", values)


def _digest(*tables: pa.Table) -> str | None:
    """Hex digits that change with any value of the tables, whose rows are in the order of their keys."""
    if not len(tables[0]):
        return None
    text = hashlib.sha256()
    for table in tables:
        for column in table.columns:
            text.update(json.dumps(column.to_pylist()).encode())
    return f"{len(tables[0])}-{text.hexdigest()[:24]}"
