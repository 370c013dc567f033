"""Show the emotions that the pipeline scored in the demo's calls, beside those planted.

    python deploy/demo/check.py --out build/demo

Reads the tables as any engine may: DuckDB and globs over plain Parquet, no code of the pipeline.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

_WIDTH = 100  # columns at the least: into a file or a CI log rich would fold at 80

_CALLS = """
SELECT call_date, queue, agent_id, call_id, dominant_emotion, confidence, valence, arousal, valence_change, escalated
FROM read_parquet($calls, union_by_name = true, hive_partitioning = true)
WHERE role = 'customer' AND model_version = $model
ORDER BY call_date, call_id
"""

# A planted second counts as recovered where the segment that covers it has its emotion; a second that no segment covers
# is missed. Segments of one channel do not overlap.
_RECOVERED = """
WITH truth AS (
    SELECT row_number() OVER () AS stretch, call_id, start_s, end_s, emotion
    FROM read_csv($truth, header = true)
    WHERE role = 'customer'
), segments AS (
    SELECT call_id, start_s, end_s, emotion
    FROM read_parquet($segments, union_by_name = true, hive_partitioning = true)
    WHERE role = 'customer' AND model_version = $model
), covered AS (
    SELECT stretch, segments.emotion AS found,
        least(truth.end_s, segments.end_s) - greatest(truth.start_s, segments.start_s) AS overlap_s
    FROM truth JOIN segments
        ON segments.call_id = truth.call_id AND segments.start_s < truth.end_s AND segments.end_s > truth.start_s
), by_stretch AS (
    SELECT truth.stretch, truth.emotion, truth.end_s - truth.start_s AS planted_s,
        coalesce(sum(overlap_s), 0.0) AS scored_s,
        coalesce(sum(overlap_s) FILTER (WHERE found = truth.emotion), 0.0) AS right_s
    FROM truth LEFT JOIN covered USING (stretch)
    GROUP BY ALL
)
SELECT emotion, sum(planted_s) AS planted_s, sum(scored_s) AS scored_s, sum(right_s) AS right_s
FROM by_stretch GROUP BY emotion ORDER BY emotion
"""


def newest_model(connection: duckdb.DuckDBPyConnection, calls: str) -> str:
    """The model version with the greatest number among those that scored."""
    query = "SELECT DISTINCT model_version FROM read_parquet($calls, union_by_name = true, hive_partitioning = true)"
    versions = [str(row[0]) for row in connection.execute(query, {"calls": calls}).fetchall()]
    if not versions:
        raise ValueError(f"{calls} holds no scored calls: run `ser score` first")
    return max(versions, key=lambda version: int(version.rpartition("/")[2]))


def calls_table(connection: duckdb.DuckDBPyConnection, calls: str, model: str) -> Table:
    """The emotion table: a line a call."""
    title = f"Emotions of the customers, model {model}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in ("date", "queue", "agent", "call", "emotion"):
        table.add_column(name, no_wrap=True)
    for name in ("conf.", "valence", "arousal", "change", "escalated"):
        table.add_column(name, justify="right", no_wrap=True)
    for *words, confidence, valence, arousal, change, escalated in connection.execute(
        _CALLS, {"calls": calls, "model": model}
    ).fetchall():
        numbers = ["–" if n is None else f"{n:+.2f}" for n in (valence, arousal, change)]
        certain = "–" if confidence is None else f"{confidence:.2f}"
        table.add_row(*("–" if w is None else str(w) for w in words), certain, *numbers, "yes" if escalated else "")
    return table


def recovered(
    connection: duckdb.DuckDBPyConnection, segments: str, truth: Path, model: str
) -> list[tuple[str, float, float, float]]:
    """(emotion, planted seconds, scored seconds, recovered seconds) of the customers."""
    parameters = {"segments": segments, "truth": str(truth), "model": model}
    found = connection.execute(_RECOVERED, parameters).fetchall()
    return [(str(e), float(p), float(s), float(r)) for e, p, s, r in found]


def recovery_table(rows: list[tuple[str, float, float, float]]) -> Table:
    """Planted against recovered, by emotion and over all."""
    table = Table(title="Planted emotions recovered, by speech time", title_justify="left")
    table.add_column("planted")
    for name in ("speech s", "scored", "recovered"):
        table.add_column(name, justify="right")
    total = ("all", sum(row[1] for row in rows), sum(row[2] for row in rows), sum(row[3] for row in rows))
    for name, planted_s, scored_s, right_s in [*rows, total]:
        table.add_row(name, f"{planted_s:.0f}", f"{scored_s / planted_s:.0%}", f"{right_s / planted_s:.0%}")
    return table


def main(argv: list[str]) -> int:
    """Command line; 0 done, 1 nothing to read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder speak.py wrote into, with tables/ below it")
    out = parser.parse_args(argv).out
    console = Console(width=max(_WIDTH, Console().width))
    globs = {t: str(out / "tables" / t / "**" / "*.parquet") for t in ("call_emotions", "segment_emotions")}
    with duckdb.connect() as connection:
        try:
            model = newest_model(connection, globs["call_emotions"])
            calls = calls_table(connection, globs["call_emotions"], model)
            rows = recovered(connection, globs["segment_emotions"], out / "truth.csv", model)
        except (duckdb.IOException, ValueError) as error:
            Console(stderr=True).print(f"{error}\nExpected tables/ and truth.csv below {out}: run `make demo` first.")
            return 1
    if not rows:
        Console(stderr=True).print(f"{out / 'truth.csv'} plants no emotions: run speak.py again")
        return 1
    share = sum(row[3] for row in rows) / sum(row[1] for row in rows)
    console.print(calls)
    console.print(recovery_table(rows))
    console.print(f"Recovered {share:.0%} of the planted speech time; guessing evenly would give {1 / len(rows):.0%}.")
    example = next(iter(sorted((out / "archive").rglob("*.wav"))), out / "archive")
    console.print("\nTry next:", style="bold")
    for line in (
        'ser query --config demo "SELECT * FROM current_call_emotions WHERE escalated"',
        f"ser plot --config demo {example} --out call.png",
        f"ser predict --config demo {example}",
    ):
        console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
