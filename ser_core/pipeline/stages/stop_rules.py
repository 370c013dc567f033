"""The stop rules: a date's scores are looked at before they replace what is published."""

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
from ser_core.data.tables.schemas import AS_RECORDED, CHANNELS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore, partition_path
from ser_core.errors import ObjectMissingError, PublishRefusedError
from ser_core.learning.training.bundle import Model
from ser_core.pipeline.engine.scan import FILE, scan
from ser_core.pipeline.stages.score_kernel import PROFILE
from ser_core.pipeline.state.extractions import RECORDING_KEY, Scope, live_recordings, refused_recordings
from ser_core.pipeline.state.runs import Run
from ser_core.scoring.profile import CONFIDENCE_BINS, Profile, Verdict, added, judge

_log = logging.getLogger(__name__)
_TOLD_DATES = 62


@dataclass(frozen=True)
class Gate:
    """Judges dates of one model by `_profile.json`, which stands beside every published date of `segment_emotions`."""

    store: TableStore
    settings: DriftSettings
    model: Model

    def check(
        self, session: SparkSession, rows: DataFrame, channels: DataFrame, dates: Iterable[dt.date], run: Run
    ) -> dict[dt.date, Profile]:
        """The profiles of the dates that may be published; what was found is told in the log and in `run`.

        Args:
            session: Spark.
            rows: `ser_core.pipeline.stages.score_kernel.PACKED` of the dates, computed once.
            channels: that they were scored from, with their `file`.
            dates: about to be published.
            run: the run that would do it.
        """
        published = self._published()
        kept: dict[dt.date, Profile] = {}
        verdicts: list[Verdict] = []
        for date, profile in self._profiles(session, rows, channels, sorted(dates)).items():
            verdict = self._judge(profile, published) if profile.calls else None
            if verdict is not None:
                self._tell(verdict, run)
                verdicts.append(verdict)
            if verdict is None or verdict.verdict != "refused":
                kept[date] = profile
        run.facts["drift"] = _told(verdicts)
        return kept

    def _judge(self, profile: Profile, published: Sequence[dt.date]) -> Verdict:
        last = [day for day in published if day < profile.call_date][-self.settings.baseline_days :]
        found = [self._kept(day) for day in last]
        return judge(profile, [one for one in found if one is not None and one.calls], self.settings)

    def keep(self, profiles: Mapping[dt.date, Profile]) -> None:
        """Puts the profiles beside their dates, which have been published."""
        for date, profile in profiles.items():
            self.store.put(self._key(date), profile.to_json())

    def refuse(self, dates: Sequence[dt.date], run: Run) -> None:
        """Raises PublishRefusedError: `dates` were held back."""
        told = json.loads(run.facts["drift"])["dates"]
        found = "\n".join(f"  - {date}: {', '.join(told[str(date)]['beyond'])} beyond the limit" for date in dates)
        raise PublishRefusedError(
            f"{len(dates)} dates of {self.model.model_version} are not like those published before, and were not "
            f"published; what stood there stands:\n{found}\nThe log of run {run.run_id} and the column drift of its "
            "row in `runs` have the figures. Where the change is real (a new line, queue or season), run `ser score` "
            "once more for these dates with --drift.action warn; otherwise mend the recordings or the model first"
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
        """Recordings and refused ones by date. One that was refused and then extracted is not refused."""
        key = list(RECORDING_KEY)
        live = live_recordings(session, self.store, Scope(tuple(dates))).select(*key, "call_date")
        done = scan(session, self.store, CHANNELS, key).distinct()
        refused = refused_recordings(session, self.store).join(done, key, "left_anti")
        both = live.join(refused.select(*key, F.lit(True).alias("no")), key, "left")
        counted = both.groupBy("call_date").agg(F.count("*").alias("recordings"), F.count("no").alias("refused"))
        return [dict(row) for row in counted.toArrow().to_pylist()]

    def _codecs(self, session: SparkSession, channels: DataFrame) -> list[dict[str, Any]]:
        files = sorted(row[FILE] for row in channels.select(FILE).distinct().collect())
        key = [*RECORDING_KEY, "channel"]
        columns = [*key, "codec", "feature_set", "condition"]
        rows = scan(session, self.store, CHANNELS, columns, files=files, with_file=True)
        rows = rows.where((F.col("feature_set") == self.model.feature_set_id) & (F.col("condition") == AS_RECORDED))
        codecs = channels.select(*key, FILE, "call_date").join(rows.select(*key, FILE, "codec"), [*key, FILE])
        counted = codecs.groupBy("call_date", F.coalesce("codec", F.lit("unknown")).alias("codec")).count()
        return [dict(row) for row in counted.withColumnRenamed("count", "n").toArrow().to_pylist()]

    def _published(self) -> list[dt.date]:
        mine = [v for v in self.store.partitions(SEGMENT_EMOTIONS) if v["model_version"] == self.model.model_version]
        return sorted(dt.date.fromisoformat(values["call_date"]) for values in mine)

    def _key(self, date: dt.date) -> str:
        values = {"model_version": self.model.model_version, "call_date": date}
        return f"{SEGMENT_EMOTIONS.name}/{partition_path(SEGMENT_EMOTIONS, values)}_profile.json"

    def _kept(self, date: dt.date) -> Profile | None:
        try:
            return Profile.of_json(self.store.storage.read(self._key(date)))
        except ObjectMissingError:  # published by a version that kept none
            return None

    def _tell(self, verdict: Verdict, run: Run) -> None:
        level = {"ok": logging.INFO, "warned": logging.WARNING, "refused": logging.ERROR}[verdict.verdict]
        facts = {"run_id": run.run_id, "call_date": str(verdict.call_date), "drift": verdict.to_json()}
        _log.log(level, "%s, against %d dates: %s", verdict.call_date, verdict.days, verdict, extra={"facts": facts})


def _told(verdicts: Sequence[Verdict]) -> str | None:
    """What `runs` keeps: every date of a few, of many those that are not as usual."""
    many = len(verdicts) > _TOLD_DATES
    dates = {str(one.call_date): one.to_json() for one in verdicts if not many or one.verdict != "ok"}
    return json.dumps({"dates_checked": len(verdicts), "dates": dates}) if verdicts else None
