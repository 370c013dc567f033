"""The stop rules: a date is judged before anything of it is replaced. A date that is odd keeps its old rows."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.data.tables.schemas import CALL_EMOTIONS, RECORDINGS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import STATE, TableStore
from ser_core.errors import PublishRefusedError
from ser_core.learning.training.bundle import Model
from ser_core.pipeline.stages.odd_dates import OddDates, Oddity, Plan
from ser_core.pipeline.stages.score_kernel import PROFILE
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.hold_rules import HoldRule, held_lines
from ser_core.pipeline.state.runs import Run
from ser_core.scoring.profile import CONFIDENCE_BINS, Profile, added
from ser_core.scoring.verdict import OF_MODEL, Verdict, judge

_log = logging.getLogger(__name__)
Profiles = dict[dt.date, Profile]

_MOST_DATES = 62  # with more, the row in `runs` leaves out those that are ok


class Gate:
    """Judges dates: by what there is to score, and by the profiles of their scores. What it says goes to `runs.drift`.

    Args:
        store: the tables.
        settings: of the job.
        model: that scores the dates.
        dates: the table `dates`.
        run: the run that publishes them.
    """

    def __init__(self, store: TableStore, settings: Settings, model: Model, dates: Dates, run: Run) -> None:
        self._store, self._model, self._dates, self._run = store, model, dates, run
        self._settings, self._follow_audio = settings.drift, settings.retention.follow_audio
        self._odd: dict[str, dict[str, str]] = {"held": {}, "warned": {}}

    def hold(self, plans: Mapping[dt.date, Plan]) -> dict[dt.date, str]:
        """Dates that are not even scored, by what there is to score, each with the reason."""
        held: dict[dt.date, str] = {}
        rules = OddDates(self._dates, self._settings, self._published_calls)
        for date, plan in sorted(plans.items()):
            oddity = rules.oddity(date, plan)
            if oddity is None:
                continue
            if oddity.only_warns or self._settings.action == "warn":
                self._warn(date, oddity, plan)
            else:
                held[date] = str(oddity)
                _log.error("%s is held back: %s", date, oddity)
        self._odd["held"] = {str(date): reason for date, reason in held.items()}
        self._report([])
        return held

    def check(self, rows: DataFrame, plans: Mapping[dt.date, Plan]) -> tuple[Profiles, dict[dt.date, str]]:
        """The profiles of the dates that may be published, and the others with the reason.

        Args:
            rows: `ser_core.pipeline.stages.score_kernel.PACKED` of the dates, persisted.
            plans: of the dates that are about to be published.
        """
        passed: dict[dt.date, Profile] = {}
        held: dict[dt.date, str] = {}
        verdicts: list[Verdict] = []
        for date, profile in sorted(self._profiles(rows, plans).items()):
            verdict = self._judge(profile) if profile.calls else None
            if verdict is not None:
                self._log_verdict(verdict)
                verdicts.append(verdict)
            if verdict is None or not verdict.refused:
                passed[date] = profile
            else:
                held[date] = _reason(verdict)
        self._odd["held"] |= {str(date): reason for date, reason in held.items()}
        self._report(verdicts)
        return passed, held

    def keep(self, profiles: Mapping[dt.date, Profile], counts: Mapping[str, Counter[dt.date]]) -> None:
        """Keeps the profiles of dates that have been published, and notes the dates."""
        version = self._model.model_version
        for date, profile in profiles.items():
            self._store.put(_key(version, date), profile.to_json())
            before = [name for name in self._dates.row(date).get("models") or [] if name != version]
            self._dates.update(
                date,
                models=[*before, version],
                model_version=version,
                published_at=dt.datetime.now(dt.UTC),
                published_by=self._run.run_id,
                scored=profile.calls,
                segments=counts[SEGMENT_EMOTIONS.name][date],
            )

    def refuse(self, held: Mapping[dt.date, str]) -> None:
        """Notes the dates as held back, and raises PublishRefusedError."""
        now = dt.datetime.now(dt.UTC)
        for date, reason in held.items():
            self._dates.hold(date, reason, self._run.run_id, now)
        self._dates.save()
        counted = "1 date is" if len(held) == 1 else f"{len(held)} dates are"
        raise PublishRefusedError(
            f"{counted} held back from {self._model.model_version}; the old rows stay:\n{held_lines(held)}\n"
            f"The log of run {self._run.run_id} and the column drift of its row in `runs` have the figures. Let a date "
            "pass if the change is real, such as a new line, queue, model or holiday. Otherwise mend the recordings or "
            "the model: each night tries again"
        )

    def _warn(self, date: dt.date, oddity: Oddity, plan: Plan) -> None:
        """Lets an odd date pass. Where a setting says so, the rule does not hold the date again."""
        self._odd["warned"][str(date)] = str(oddity)
        if self._settings.action == "refuse":
            why = f"only {self._dates.published()} dates are published, drift.min_days is {self._settings.min_days}"
        else:
            why = "drift.action is warn"
            if oddity.rule is HoldRule.LOST_CALLS:
                self._dates.update(date, scored=plan["calls"])
            else:
                self._dates.accept(date, oddity.rule)
        _log.warning("%s passes, although it is odd (%s): %s", date, why, oddity)

    def _judge(self, profile: Profile) -> Verdict:
        version, date = self._model.model_version, profile.call_date
        published = [day for day in self._dates.with_model(version) if day < date][-self._settings.baseline_days :]
        before = [stored for day in published if (stored := self._stored(version, day)) is not None and stored.calls]
        models = self._dates.row(date).get("models") or []
        if not models or version in models:
            return judge(profile, before, self._settings)
        other, days = self._stored(models[-1], date), len(self._dates.with_model(models[-1]))
        return judge(profile, before, self._settings, other, days)

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

    def _stored(self, model_version: str, date: dt.date) -> Profile | None:
        kept = self._store.storage.read_or_none(_key(model_version, date))
        return None if kept is None else Profile.of_json(kept)

    def _published_calls(self, date: dt.date) -> int:
        """Calls of a date that its last model has rows of. Left out are those that were erased or have moved to another
        date, and, where calls are to follow their audio, those whose audio is gone."""
        values = {"model_version": self._dates.row(date).get("model_version"), "call_date": date}
        files = self._store.files_of(CALL_EMOTIONS, **values)
        published = self._store.read_all(CALL_EMOTIONS, files, ("call_id",))
        files = self._store.files_of(RECORDINGS, call_date=date)
        known = self._store.read_all(RECORDINGS, files, ("call_id", "gone_at"))
        if self._follow_audio:
            known = known.filter(pc.is_null(known["gone_at"]))
        return len({*published["call_id"].to_pylist()} & {*known["call_id"].to_pylist()})

    def _log_verdict(self, verdict: Verdict) -> None:
        level = {"ok": logging.INFO, "warned": logging.WARNING, "refused": logging.ERROR}[verdict.verdict]
        facts = {"run_id": self._run.run_id, "call_date": str(verdict.call_date), "drift": verdict.to_json()}
        _log.log(level, "%s, against %d dates: %s", verdict.call_date, verdict.days, verdict, extra={"facts": facts})

    def _report(self, verdicts: Sequence[Verdict]) -> None:
        """The column `drift` of `runs`: what is held or warned of, and all verdicts, or where there are many those that
        are not ok."""
        many = len(verdicts) > _MOST_DATES
        dates = {str(each.call_date): each.to_json() for each in verdicts if not many or each.verdict != "ok"}
        checked = {"dates_checked": len(verdicts), "dates": dates} if verdicts else {}
        said = {**checked, **{name: odd for name, odd in self._odd.items() if odd}}
        self._run.facts["drift"] = json.dumps(said) if said else None


def _reason(verdict: Verdict) -> str:
    of_model = any(name.startswith(OF_MODEL) for name in verdict.refused)
    rule = HoldRule.NEW_MODEL if of_model else HoldRule.DRIFT
    return f"{rule.value}: {', '.join(f'{name} {verdict.measures[name]}' for name in verdict.refused)}"


def _key(model_version: str, date: dt.date) -> str:
    return f"{STATE}profiles/{quote(model_version, safe='')}/{date}.json"
