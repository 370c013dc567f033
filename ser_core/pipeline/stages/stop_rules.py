"""The stop rules: a date's scores are checked before they replace the published ones."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config.drift_settings import DriftSettings
from ser_core.data.tables.schemas import CHANNELS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore, partition_path
from ser_core.errors import ObjectMissingError, PublishRefusedError
from ser_core.learning.training.bundle import Model
from ser_core.pipeline.engine.scan import scan
from ser_core.pipeline.stages.score_kernel import PROFILE
from ser_core.pipeline.state.extractions import RECORDING_KEY, Scope, live_recordings, refused_recordings
from ser_core.pipeline.state.inputs import published_dates, with_channel_columns
from ser_core.pipeline.state.runs import Run
from ser_core.scoring.profile import CONFIDENCE_BINS, Profile, Verdict, added, judge

_log = logging.getLogger(__name__)
_MOST_DATES = 62  # with more, the row in `runs` leaves out those that are ok


@dataclass(frozen=True)
class Gate:
    """Judges dates of one model by the `_profile.json` beside each published date of `segment_emotions`."""

    store: TableStore
    settings: DriftSettings
    model: Model

    def check(
        self, session: SparkSession, rows: DataFrame, channels: DataFrame, dates: Iterable[dt.date], run: Run
    ) -> dict[dt.date, Profile]:
        """The profiles of the dates that may be published. The verdicts go to the log and to `run.facts`.

        Args:
            session: Spark.
            rows: `ser_core.pipeline.stages.score_kernel.PACKED` of the dates, persisted.
            channels: the channels that were scored, with their `file`.
            dates: about to be published.
            run: the run that publishes them.
        """
        published = published_dates(self.store, SEGMENT_EMOTIONS, {"model_version": self.model.model_version})
        passed: dict[dt.date, Profile] = {}
        verdicts: list[Verdict] = []
        for date, profile in self._profiles(session, rows, channels, sorted(dates)).items():
            verdict = self._judge(profile, published) if profile.calls else None
            if verdict is not None:
                self._log_verdict(verdict, run)
                verdicts.append(verdict)
            if verdict is None or verdict.verdict != "refused":
                passed[date] = profile
        run.facts["drift"] = _drift_json(verdicts)
        return passed

    def _judge(self, profile: Profile, published: Sequence[dt.date]) -> Verdict:
        last = [date for date in published if date < profile.call_date][-self.settings.baseline_days :]
        before = [self._stored(date) for date in last]
        return judge(profile, [other for other in before if other is not None and other.calls], self.settings)

    def keep(self, profiles: Mapping[dt.date, Profile]) -> None:
        """Stores the profiles of dates that have been published."""
        for date, profile in profiles.items():
            self.store.put(self._key(date), profile.to_json())

    def refuse(self, dates: Sequence[dt.date], run: Run) -> None:
        """Raises PublishRefusedError for `dates`, which were held back."""
        verdicts = json.loads(run.facts["drift"])["dates"]
        lines = "\n".join(f"  - {date}: {', '.join(verdicts[str(date)]['beyond'])} beyond the limit" for date in dates)
        raise PublishRefusedError(
            f"{len(dates)} dates of {self.model.model_version} differ too much from those published before. They were "
            f"not published, and their old rows stay:\n{lines}\nThe log of run {run.run_id} and the column drift of "
            "its row in `runs` have the figures. If the change is real (a new line, queue or season), run `ser score` "
            "once more for these dates with --drift.action warn. Otherwise fix the recordings or the model first"
        )

    def _profiles(
        self, session: SparkSession, rows: DataFrame, channels: DataFrame, dates: Sequence[dt.date]
    ) -> dict[dt.date, Profile]:
        profiles = {date: Profile(date, confidence=(0,) * CONFIDENCE_BINS) for date in dates}
        for row in rows.where(F.col(PROFILE).isNotNull()).select("call_date", PROFILE).toArrow().to_pylist():
            profiles[row["call_date"]] = added(profiles[row["call_date"]], Profile.of_json(row[PROFILE]))
        counts = channels.groupBy("call_date").agg(F.countDistinct("call_id").alias("calls")).toArrow().to_pylist()
        for row in [*counts, *self._recordings(session, dates)]:
            date = row.pop("call_date")
            profiles[date] = replace(profiles[date], **row)
        for row in self._codecs(session, channels):
            profile = profiles[row["call_date"]]
            profiles[row["call_date"]] = replace(profile, codecs={**profile.codecs, row["codec"]: row["n"]})
        return profiles

    def _recordings(self, session: SparkSession, dates: Sequence[dt.date]) -> list[dict[str, Any]]:
        """Recordings and refused recordings by date. A recording refused first and extracted later is not refused."""
        key = list(RECORDING_KEY)
        live = live_recordings(session, self.store, Scope(tuple(dates))).select(*key, "call_date")
        done = scan(session, self.store, CHANNELS, key).distinct()
        refused = refused_recordings(session, self.store).join(done, key, "left_anti")
        both = live.join(refused.select(*key, F.lit(True).alias("refused")), key, "left")
        counted = both.groupBy("call_date").agg(F.count("*").alias("recordings"), F.count("refused").alias("refused"))
        return [dict(row) for row in counted.toArrow().to_pylist()]

    def _codecs(self, session: SparkSession, channels: DataFrame) -> list[dict[str, Any]]:
        codecs = with_channel_columns(session, self.store, channels, self.model.feature_set_id, ["codec"])
        counted = codecs.groupBy("call_date", F.coalesce("codec", F.lit("unknown")).alias("codec")).count()
        return [dict(row) for row in counted.withColumnRenamed("count", "n").toArrow().to_pylist()]

    def _key(self, date: dt.date) -> str:
        values = {"model_version": self.model.model_version, "call_date": date}
        return f"{SEGMENT_EMOTIONS.name}/{partition_path(SEGMENT_EMOTIONS, values)}_profile.json"

    def _stored(self, date: dt.date) -> Profile | None:
        try:
            return Profile.of_json(self.store.storage.read(self._key(date)))
        except ObjectMissingError:  # published by a version that stored none
            return None

    def _log_verdict(self, verdict: Verdict, run: Run) -> None:
        level = {"ok": logging.INFO, "warned": logging.WARNING, "refused": logging.ERROR}[verdict.verdict]
        facts = {"run_id": run.run_id, "call_date": str(verdict.call_date), "drift": verdict.to_json()}
        _log.log(level, "%s, against %d dates: %s", verdict.call_date, verdict.days, verdict, extra={"facts": facts})


def _drift_json(verdicts: Sequence[Verdict]) -> str | None:
    """The column `drift` of `runs`: all verdicts, or those that are not ok where there are many."""
    many = len(verdicts) > _MOST_DATES
    dates = {str(each.call_date): each.to_json() for each in verdicts if not many or each.verdict != "ok"}
    return json.dumps({"dates_checked": len(verdicts), "dates": dates}) if verdicts else None
