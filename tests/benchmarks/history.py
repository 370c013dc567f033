"""What a night costs at any age of the archive.

`python -m tests.benchmarks.history --nights 1,100,1000 --calls 10000 --json`

A night of new calls and a night without are measured on tables with so many nights of history, and `ser query`,
`ser trace` and `ser forget` of one date or call. A size below the days that a night's stop rules look back is raised to
these. All sizes are measured in turn, and the median of each counts.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from ser_core.config.privacy_settings import SECRET_VARIABLE
from ser_core.data.tables.schemas import FEATURES, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore
from ser_core.data.tables.table import NO_ROWS_AT
from tests.benchmarks.counted import LOG, Request, read_log
from tests.benchmarks.history_figures import Figures, ends, figures_of, figures_text, median_of, ratios
from tests.benchmarks.history_files import Unsafe, linked, write_archive
from tests.benchmarks.history_root import SLOTS, History
from tests.benchmarks.watched import Watched, clean_environ, watch
from tests.support.pipeline import PATTERN, job_settings, run
from tests.support.synth import EMOTIONS, corpus_files, stereo_wav, write_files

_DAY = dt.timedelta(days=1)
_SECRET = "a secret of sixteen letters and more"
_SEED_CALLS = 22
_MOST_SCORED = 0.9  # share of the new calls: some are refused
_SQL = "SELECT dominant_emotion, count(*) FROM current_call_emotions WHERE call_date = DATE '{date}' GROUP BY ALL"
_SPARK = {
    "master": f"local[{SLOTS}]",
    "conf": {"spark.python.daemon.module": "tests.benchmarks.counted_daemon"},
}


class OldDateReadError(Exception):
    """A night has opened a file of a date that is out of its scope."""


class Bench:
    """The tables of all sizes below one root, and the measures.

    Args:
        root: an empty folder.
        calls: of every date.
        new: calls of the busy night.
    """

    def __init__(self, root: Path, calls: int, new: int) -> None:
        self.root, self.calls, self.new = root, calls, new
        yesterday = dt.datetime.now(dt.UTC).date() - _DAY
        self.busy_date, self.idle_date = yesterday, yesterday - _DAY
        self.settings = job_settings(
            root,
            {
                "archive": {"pattern": PATTERN},
                "spark": _SPARK,
                "tables": {"buckets": 8},
                "drift": {"action": "warn"},  # the few calls that all dates are copies of had no domain of their own
            },
        )
        self.fewest = self.settings.drift.baseline_days + self.settings.nightly.lookback_days
        self.made_s: dict[int, float] = {}

    def prepare(self, sizes: Sequence[int]) -> None:
        """A real night of a few calls; then tables of each size, an archive that fits them, and a night on each."""
        self._real_night()
        history = History(self.settings, self.idle_date, self.calls)
        shutil.rmtree(self.root / "archive")
        window = self.settings.nightly.lookback_days
        for date in self._dates(window + 1):
            write_archive(self.root / "archive", history.day(date))
        write_archive(self.root / "archive", history.day(self.busy_date, self.new))
        done, seconds = 0, 0.0
        for size in sizes:
            begin = time.perf_counter()
            place = self.root / f"tables-{size}"
            if done:
                linked(self.root / f"tables-{done}", place)
            else:
                history.start(place)
                history.add(place, self._dates(self.fewest), full=True)
                store = TableStore(Unsafe(place))
                history.write_logs(
                    store, history.day(self.busy_date, self.new), f"{self.busy_date:%Y%m%d}T235900-busy00"
                )
            history.add(place, self._dates(size, max(done, self.fewest)), full=False)
            seconds += time.perf_counter() - begin
            self.made_s[size] = seconds
            done = size
            self._night(place, self.idle_date)  # it does what a first night has to, such as compaction

    def measure(self, size: int) -> dict[str, dict[str, float]]:
        """Figures by what was measured.

        Raises:
            OldDateReadError: a night has opened features or scores of a date out of its scope.
        """
        place, date = self.root / f"tables-{size}", str(self.idle_date)
        idle = self._night(place, self.idle_date)
        query = self._command(place, "query", _SQL.format(date=date))
        call = History(self.settings, self.idle_date, self.calls).day(self.idle_date).call_ids[0]
        trace = self._command(place, "trace", "--call-id", call, "--call-date", date)
        copy = self.root / "changed"
        linked(place, copy)
        busy = self._night(copy, self.busy_date)
        forget = self._command(copy, "forget", "--call-id", call, "--call-date", date)
        shutil.rmtree(copy)
        return {"idle": idle, "busy": busy, "query": query, "trace": trace, "forget": forget}

    def _real_night(self) -> None:
        from ser_core.pipeline.engine.session import start_session
        from ser_core.pipeline.stages.nightly import Nightly
        from ser_core.pipeline.stages.train import Train

        folder = f"{self.idle_date:%Y/%m/%d}"
        files = {
            f"{folder}/c{n:02d}_a{n % 5}.wav": stereo_wav(EMOTIONS[n % 4], EMOTIONS[n // 4 % 4], 4.0 + n % 6, n)
            for n in range(_SEED_CALLS)
        }
        files[f"{folder}/c{_SEED_CALLS}_a1.wav"] = b"RIFF and nothing else"
        write_files(self.root / "corpus", corpus_files())
        write_files(self.root / "archive", files)
        session = start_session("history", self.settings.spark.model_copy(update={"conf": {}}))
        run(session, Train, self.settings)
        run(session, Nightly, self.settings.model_copy(update={"call_date": self.idle_date}))
        session.stop()

    def _dates(self, count: int, before: int = 0) -> list[dt.date]:
        """The last `count` dates without the last `before`."""
        return [self.idle_date - number * _DAY for number in range(before, count)]

    def _night(self, tables: Path, date: dt.date) -> dict[str, float]:
        """Figures of a night of a date, which has the work that it should have, and reads nothing old."""
        watched, requests = self._ser(tables, "nightly", "--call-date", str(date), "--json")
        check_scope(requests, date - self.fewest * _DAY)
        row = json.loads(watched.stdout)
        fewest = _MOST_SCORED * self.new if date == self.busy_date else 0
        if row["extracted"] or not fewest <= row["scored_calls"] <= bool(fewest) * self.new:
            raise AssertionError(f"the night of {date} has extracted {row['extracted']}, scored {row['scored_calls']}")
        return figures_of(watched, requests)

    def _command(self, tables: Path, *words: str) -> dict[str, float]:
        """Figures of a command of `ser`."""
        return figures_of(*self._ser(tables, *words))

    def _ser(self, tables: Path, *words: str) -> tuple[Watched, list[Request]]:
        log = self.root / "requests.log"
        log.unlink(missing_ok=True)
        uri = self.settings.tables.model_copy(update={"uri": str(tables)})
        overlay = self.root / "settings.yaml"
        settings = self.settings.model_copy(update={"tables": uri})
        overlay.write_text(yaml.safe_dump(settings.model_dump(mode="json", by_alias=True)))
        environ = {**clean_environ(), LOG: str(log)}
        if words[0] == "forget":  # from then on every run needs the secret, and does more
            environ[SECRET_VARIABLE] = _SECRET
        command = [sys.executable, "-m", "tests.benchmarks.counted", *words, "--config", str(overlay)]
        return watch(command, environ), read_log(str(log))


def check_scope(requests: Sequence[Request], first: dt.date) -> None:
    """Raises OldDateReadError where features or segment scores of a date before `first` have been opened."""
    for request in requests:
        table, _, rest = request.key.partition("/")
        date = rest.partition("call_date=")[2][: len(str(first))]
        opened = request.name in {"fetch", "open_ranges"} and table in {FEATURES.name, SEGMENT_EMOTIONS.name}
        if opened and NO_ROWS_AT["call_date"] < date < str(first):
            raise OldDateReadError(f"a night opened {request.key}, which is older than {first}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints; 0 however large the ratios are."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nights", default="1,100,1000", help="numbers of nights, with commas between")
    parser.add_argument("--calls", type=int, default=10_000, help="calls a date")
    parser.add_argument("--new", type=int, default=1_000, help="calls of the busy night, at most as many as a date has")
    parser.add_argument("--rounds", type=int, default=3, help="times that each size is measured")
    parser.add_argument("--root", type=Path, help="folder for the tables, which are removed at the end")
    parser.add_argument("--json", action="store_true", help="print one object on stdout")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="ser-history-", dir=given.root) as root:
        bench = Bench(Path(root), given.calls, min(given.new, given.calls))
        asked = [int(number) for number in given.nights.split(",")]
        sizes = sorted({max(number, bench.fewest) for number in asked})
        bench.prepare(sizes)
        rounds: dict[int, list[Figures]] = {size: [] for size in sizes}
        for number in range(given.rounds):
            for size in sizes:
                sys.stderr.write(f"round {number + 1} of {given.rounds}: {size} nights …\n")
                rounds[size].append(bench.measure(size))
        figures = {size: median_of(rounds[size]) for size in sizes}
        by_size = {
            str(number): {"dates": size, "made_s": round(bench.made_s[size], 1), **figures[size]}
            for number in asked
            if (size := max(number, bench.fewest))
        }
        result = {"calls": given.calls, "new": bench.new, "nights": by_size, "ratios": ratios(*ends(figures, sizes))}
    sys.stdout.write(json.dumps(result) + "\n" if given.json else figures_text(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
