"""The predictions of two models for the same speech, in seconds, from the tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ser_core.data.tables.catalog import Catalog

# Segments of one channel do not overlap: each second that both models scored is in one pair of segments. With the same
# features, those pairs are the segments themselves.
_SPEECH = """
WITH segments AS (
    SELECT model_version, recording_id, channel, call_id, start_s, end_s, emotion FROM segment_emotions
    WHERE model_version IN ({a}, {b}) AND call_date IN ({dates})
), of_a AS (SELECT * FROM segments WHERE model_version = {a}
), of_b AS (SELECT * FROM segments WHERE model_version = {b}
), shared AS (
    SELECT recording_id, channel FROM of_a INTERSECT SELECT recording_id, channel FROM of_b
), pairs AS (
    SELECT recording_id, channel, of_a.call_id, of_a.emotion AS a, of_b.emotion AS b,
        greatest(of_a.start_s, of_b.start_s) AS start_s, least(of_a.end_s, of_b.end_s) AS end_s
    FROM of_a JOIN of_b USING (recording_id, channel)
    WHERE of_a.start_s < of_b.end_s AND of_b.start_s < of_a.end_s
)"""

# A stretch that several people labelled has the emotion that most of them gave it; where none has most, it has none.
# A label may be of a recording's every channel, or of all its time.
_LABELLED = """, votes AS (
    SELECT recording_id, channel, start_s, coalesce(end_s, 'infinity') AS end_s, emotion,
        count(DISTINCT coalesce(annotator, '')) AS votes
    FROM labels WHERE emotion IS NOT NULL GROUP BY ALL
), ranked AS (
    SELECT *, rank() OVER (PARTITION BY recording_id, channel, start_s, end_s ORDER BY votes DESC) AS place FROM votes
), truths AS (
    SELECT recording_id, channel, start_s, end_s, min(emotion) AS truth FROM ranked WHERE place = 1
    GROUP BY ALL HAVING count(*) = 1
)
SELECT pairs.call_id, truth, a, b,
    sum(least(pairs.end_s, truths.end_s) - greatest(pairs.start_s, truths.start_s)) AS seconds
FROM pairs JOIN truths USING (recording_id)
WHERE coalesce(truths.channel = pairs.channel, true)
    AND pairs.start_s < truths.end_s AND truths.start_s < pairs.end_s
GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class ModelPair:
    """Two models on the channels of `dates` that both scored."""

    catalog: Catalog
    a: str
    b: str
    dates: Sequence[dt.date]

    def channels(self) -> dict[str, int]:
        """How many channels `both` scored, and how many only `a` or `b`."""
        sql = """SELECT (SELECT count(*) FROM shared) AS n,
            (SELECT count(*) FROM (SELECT DISTINCT recording_id, channel FROM of_a)) AS a,
            (SELECT count(*) FROM (SELECT DISTINCT recording_id, channel FROM of_b)) AS b"""
        (counts,) = self._rows(sql)
        return {"both": counts["n"], "a": counts["a"] - counts["n"], "b": counts["b"] - counts["n"]}

    def pairs(self) -> list[tuple[str | None, str | None, float]]:
        """(of a, of b, seconds) of speech in segments of both; None is undecided."""
        rows = self._rows("SELECT a, b, sum(end_s - start_s) AS seconds FROM pairs GROUP BY ALL ORDER BY ALL")
        return [(row["a"], row["b"], row["seconds"]) for row in rows]

    def seconds(self, model: str) -> dict[str | None, float]:
        """Seconds of speech by emotion, in the own segments of `model`, which is `a` or `b`; None is undecided."""
        of = "of_a" if model == self.a else "of_b"
        own = f"SELECT * FROM {of} SEMI JOIN shared USING (recording_id, channel)"  # noqa: S608 - one of two names
        rows = self._rows(f"SELECT emotion, sum(end_s - start_s) AS seconds FROM ({own}) GROUP BY ALL ORDER BY ALL")  # noqa: S608
        return {row["emotion"]: row["seconds"] for row in rows}

    def labelled(self) -> list[dict[str, Any]]:
        """call_id, truth, a, b and seconds of speech that people have labelled and both models scored."""
        return self._rows(_LABELLED)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        dates = ", ".join(f"DATE {_literal(date.isoformat())}" for date in self.dates)
        speech = _SPEECH.format(a=_literal(self.a), b=_literal(self.b), dates=dates)
        return list(self.catalog.query(f"{speech}\n{sql}").to_pylist())


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
