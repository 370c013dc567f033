"""The stop rules: a date's scores are checked before they replace the published ones."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config.drift_settings import DriftSettings
from ser_core.data.tables.schemas import CALL_EMOTIONS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import STATE, TableStore
from ser_core.errors import PublishRefusedError
from ser_core.learning.training.bundle import Model
from ser_core.pipeline.stages.score_kernel import PROFILE
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.runs import Run
from ser_core.scoring.profile import CONFIDENCE_BINS, Profile, Verdict, added, judge

_log = logging.getLogger(__name__)
Plan = Mapping[str, Any]
"""A row of `ser_core.pipeline.stages.score_plan.PLAN`."""

_MOST_DATES = 62  # with more, the row in `runs` leaves out those that are ok


@dataclass(frozen=True)
class Gate:
    """Judges dates of one model by the profiles that are kept of its published dates."""

    store: TableStore
    settings: DriftSettings
    model: Model
    dates: Dates

    def hold(self, plans: Mapping[dt.date, Plan], run: Run) -> dict[dt.date, str]:
        """Dates that are not even scored, each with the reason."""
        return {}

    def check(
        self, rows: DataFrame, plans: Mapping[dt.date, Plan], run: Run
    ) -> tuple[dict[dt.date, Profile], dict[dt.date, str]]:
        """The profiles of the dates that may be published, and the others with the reason.

        The verdicts go to the log and to `run.facts`.

        Args:
            rows: `ser_core.pipeline.stages.score_kernel.PACKED` of the dates, persisted.
            plans: of the dates that are about to be published.
            run: the run that publishes them.
        """
        passed: dict[dt.date, Profile] = {}
        held: dict[dt.date, str] = {}
        verdicts: list[Verdict] = []
        for date, profile in sorted(self._profiles(rows, plans).items()):
            verdict = self._judge(profile) if profile.calls else None
            if verdict is not None:
                self._log_verdict(verdict, run)
                verdicts.append(verdict)
            if verdict is None or verdict.verdict != "refused":
                passed[date] = profile
            else:
                held[date] = f"{', '.join(verdict.to_json()['beyond'])} beyond the limit"
        run.facts["drift"] = _drift_json(verdicts)
        return passed, held

    def keep(self, profiles: Mapping[dt.date, Profile], counts: Mapping[str, Counter[dt.date]], run: Run) -> None:
        """Keeps the profiles of dates that have been published, and notes the dates."""
        version = self.model.model_version
        for date, profile in profiles.items():
            self.store.put(self._key(date), profile.to_json())
            before = [name for name in self.dates.row(date).get("models") or [] if name != version]
            self.dates.update(
                date,
                models=[*before, version],
                model_version=version,
                published_at=dt.datetime.now(dt.UTC),
                published_by=run.run_id,
                scored=counts[CALL_EMOTIONS.name][date],
                segments=counts[SEGMENT_EMOTIONS.name][date],
            )

    def refuse(self, held: Mapping[dt.date, str], run: Run) -> None:
        """Notes the dates as held back, and raises PublishRefusedError."""
        for date, reason in held.items():
            since = self.dates.row(date).get("held_since") or dt.datetime.now(dt.UTC)
            self.dates.update(date, open=True, held_back=reason, held_by=run.run_id, held_since=since)
        self.dates.save()
        lines = "\n".join(f"  - {date}: {reason}" for date, reason in sorted(held.items()))
        raise PublishRefusedError(
            f"{len(held)} dates were not published with {self.model.model_version}, and their old rows stay:\n{lines}\n"
            f"The log of run {run.run_id} and the column drift of its row in `runs` have the figures. If the change is "
            "real (a new line, queue or season), run `ser score` once more for these dates with --drift.action warn. "
            "Otherwise fix the recordings or the model first"
        )

    def _judge(self, profile: Profile) -> Verdict:
        version = self.model.model_version
        published = [date for date in self.dates.with_model(version) if date < profile.call_date]
        before = [self._stored(date) for date in published[-self.settings.baseline_days :]]
        return judge(profile, [other for other in before if other is not None and other.calls], self.settings)

    def _profiles(self, rows: DataFrame, plans: Mapping[dt.date, Plan]) -> dict[dt.date, Profile]:
        profiles = {
            date: Profile(
                date,
                calls=plan["calls"],
                recordings=plan["recordings"],
                refused=plan["refused"],
                codecs=json.loads(plan["codecs"]),
                confidence=(0,) * CONFIDENCE_BINS,
            )
            for date, plan in plans.items()
        }
        for row in rows.where(F.col(PROFILE).isNotNull()).select("call_date", PROFILE).toArrow().to_pylist():
            profiles[row["call_date"]] = added(profiles[row["call_date"]], Profile.of_json(row[PROFILE]))
        return profiles

    def _key(self, date: dt.date) -> str:
        return f"{STATE}profiles/{quote(self.model.model_version, safe='')}/{date}.json"

    def _stored(self, date: dt.date) -> Profile | None:
        kept = self.store.storage.read_or_none(self._key(date))
        return None if kept is None else Profile.of_json(kept)

    def _log_verdict(self, verdict: Verdict, run: Run) -> None:
        level = {"ok": logging.INFO, "warned": logging.WARNING, "refused": logging.ERROR}[verdict.verdict]
        facts = {"run_id": run.run_id, "call_date": str(verdict.call_date), "drift": verdict.to_json()}
        _log.log(level, "%s, against %d dates: %s", verdict.call_date, verdict.days, verdict, extra={"facts": facts})


def _drift_json(verdicts: Sequence[Verdict]) -> str | None:
    """The column `drift` of `runs`: all verdicts, or those that are not ok where there are many."""
    many = len(verdicts) > _MOST_DATES
    dates = {str(each.call_date): each.to_json() for each in verdicts if not many or each.verdict != "ok"}
    return json.dumps({"dates_checked": len(verdicts), "dates": dates}) if verdicts else None
