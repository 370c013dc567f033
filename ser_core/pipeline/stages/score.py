"""features → segment_emotions → call_emotions with the promoted model, and channels → call_talk.

Reads no audio and shuffles no vectors.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.config.base import Section
from ser_core.data.storage import check_place, open_storage
from ser_core.data.tables.newest import FILE
from ser_core.data.tables.packed import unpacked
from ser_core.data.tables.schemas import CALL_EMOTIONS, CALL_TALK, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore, bucket_key
from ser_core.learning.training.bundle import check_fingerprint, load_model, read_bundle, resolve
from ser_core.pipeline.engine.arrow_map import map_arrow
from ser_core.pipeline.engine.balance import whole_files
from ser_core.pipeline.engine.cluster import Cluster, Rows, persisted
from ser_core.pipeline.engine.publish import BUCKET, publish
from ser_core.pipeline.stages.call_talk import Talk
from ser_core.pipeline.stages.domain_renewal import DomainRenewal
from ser_core.pipeline.stages.odd_dates import Plan
from ser_core.pipeline.stages.score_kernel import PACKED, PROFILE, ROWS, ScoreKernel
from ser_core.pipeline.stages.score_plan import PLAN, STATES, TO_SCORE, ScorePlan, with_talk_share
from ser_core.pipeline.stages.stop_rules import Gate
from ser_core.pipeline.state.date_state import DateRules
from ser_core.pipeline.state.dates import Dates
from ser_core.pipeline.state.hold_rules import SCORE_RULES
from ser_core.pipeline.state.inputs import Inputs, fingerprint
from ser_core.pipeline.state.moves import moved_dates, unmark_moved
from ser_core.pipeline.state.runs import TABLES_LEASE, Run
from ser_core.pipeline.state.scope import Scope
from ser_core.scoring.emotion_tables import CallRules, SegmentRules, call_table
from ser_core.scoring.priors import prior_shift
from ser_core.scoring.profile import mean_familiarity
from ser_core.sound.features import feature_set

_log = logging.getLogger(__name__)


class Score:
    """Scores every date in scope whose inputs have changed since this model scored it, whole dates at a time.

    Publishes `call_talk` first, by the same rule.
    """

    name: ClassVar[str] = "score"
    leases: ClassVar[tuple[str, ...]] = (TABLES_LEASE,)
    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings, scope: Scope | None = None) -> None:
        self.settings = settings
        self.scope = scope or Scope.of(settings)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        check_place("tables.uri", self.store.storage, may_be_new=True)
        models = open_storage(settings.models.uri, settings.storage)
        check_place("models.uri", models, may_be_new=True)
        self.model_version = resolve(models, settings.models.name, settings.scoring.model)
        self.bundle = read_bundle(models, self.model_version)
        self.features = feature_set(settings.features, settings.segments)
        self.model = load_model(self.bundle)
        check_fingerprint(self.model, self.features)
        self.date_rules = DateRules.of(settings, self.features.id)
        self.domain = DomainRenewal(settings, self.store, models, self.model)
        self.talk = Talk(settings, self.store, self.date_rules)
        scoring = settings.scoring
        self.fixed = {"model_version": self.model_version}
        self.rules = SegmentRules(prior_shift(scoring.priors, self.bundle.manifest), scoring.min_confidence)
        rules = fingerprint(scoring.roles, *_rules_of(settings))
        self.inputs = Inputs(self.store, CALL_EMOTIONS, self.fixed, rules, scoring.again)

    def run(self, cluster: Cluster, run: Run) -> None:
        """Publishes `call_talk`, then `segment_emotions` and `call_emotions`, both tables of a bucket in one task.

        Raises:
            PublishRefusedError: the stop rules hold dates back; the other dates are published.
        """
        self.store.fence = run.fences.get(TABLES_LEASE)
        run.facts |= {
            "model_version": self.model_version,
            "feature_set": self.features.id,
            "purpose": self.settings.scoring.purpose,
            "priors": json.dumps(self.rules.shift.priors) if self.rules.shift else None,
        }
        dates, moved = Dates(self.store), moved_dates(self.store)
        scope = self.scope.with_dates(moved).listed(self.store)
        plan = ScorePlan(self.store, self.date_rules, self.settings)
        with cluster.of_dates(plan, scope, PLAN, dates.listed(scope)) as planned:
            plans = {row["call_date"]: row for row in planned.table(*STATES).to_pylist()}
            _log_unscored(plans.values())
            gate = Gate(self.store, self.settings, self.model, dates, run)
            held = gate.hold(plans)
            free = {date: row for date, row in plans.items() if date not in held}
            stale = self.inputs.stale({date: row["score_inputs"] for date, row in free.items()})
            _log.info("%d dates to score with %s", len(stale), self.model_version)
            run.facts |= {"scored_segments": 0, "scored_calls": 0}
            run.summary |= {name: sum(row[name] for row in plans.values()) for name in ("all_calls", "unscored_calls")}
            talk = _TalkOf(self.talk, cluster, free, run, dates)
            if stale:
                held |= self._publish(planned, stale, gate, talk)
            else:
                talk.publish(())
        for date, row in plans.items():
            if date not in held and (row["known"] or dates.row(date)):
                dates.free(date, SCORE_RULES)
                dates.update(date, open=row["unfinished"] > 0 or dates.row(date).get("held_back") is not None)
        dates.save()
        unmark_moved(self.store, {date: mark for date, mark in moved.items() if date not in held})
        if held:
            gate.refuse(held)

    def _publish(self, planned: Rows, stale: Mapping[dt.date, str], gate: Gate, talk: _TalkOf) -> dict[dt.date, str]:
        """Publishes the dates that pass the stop rules. Returns the others, whose old rows stay, with the reason."""
        run, session = talk.run, talk.cluster.session
        buckets = self.store.buckets(SEGMENT_EMOTIONS, self.settings.tables.buckets)
        self.store.buckets(CALL_EMOTIONS, buckets)  # published together, in the same buckets
        bundle = session.sparkContext.broadcast(self.bundle)
        broken = session.sparkContext.accumulator(0)
        domain = self.domain.populations(talk.cluster, planned, talk.plans, talk.dates)
        run.facts["domain_version"] = None if domain is None else domain.version
        rules = replace(self.rules, domain=domain)
        kernel = ScoreKernel(self.settings, self.store, bundle, rules, broken, run.run_id, run.started_at, buckets)
        channels = planned.of_dates(stale).unpacked("channels", TO_SCORE)
        rows = map_arrow(whole_files(channels, FILE, "segments"), kernel, PACKED)
        tables = (SEGMENT_EMOTIONS, CALL_EMOTIONS)
        of_calls = CallRules(self.settings.engagement, self.settings.transcripts.weight, rules.min_confidence)
        same = self.store.buckets(CALL_TALK, buckets) == buckets
        make = _BothTables(self.store, self.model.classes, of_calls, same_buckets=same)
        with persisted(rows):
            profiles, held = gate.check(rows, {date: talk.plans[date] for date in stale})
            talk.publish(held)  # before the scores, which use it, and after the check: a date changes as a whole
            passed = {date: mark for date, mark in stale.items() if date in profiles}
            chosen = rows.where(F.col(ROWS).isNotNull() & F.col("call_date").isin(list(passed))).drop(PROFILE)
            self.inputs.begin(passed)
            counts = publish(chosen, self.store, tables, make, passed, self.fixed, buckets)
        gate.keep(profiles, counts)
        self.inputs.keep(passed)  # last: it marks the dates as done
        run.facts["scored_segments"] = counts[SEGMENT_EMOTIONS.name].total()
        run.facts["scored_calls"] = counts[CALL_EMOTIONS.name].total()
        run.facts["familiarity"] = mean_familiarity(profiles.values())
        if broken.value:
            _log.warning("%d transcripts could not be read: their calls are scored by voice alone", broken.value)
        return held


@dataclass(frozen=True)
class _TalkOf:
    """`call_talk` of the dates that a run may publish."""

    talk: Talk
    cluster: Cluster
    plans: Mapping[dt.date, Plan]
    run: Run
    dates: Dates

    def publish(self, held: Collection[dt.date]) -> None:
        """Publishes it but for the dates that are held back."""
        inputs = {date: row["talk_inputs"] for date, row in self.plans.items() if date not in held}
        self.talk.publish(self.cluster, inputs, self.run, self.dates)


def _log_unscored(plans: Iterable[Mapping[str, Any]]) -> None:
    counts: Counter[str] = Counter()
    for row in plans:
        counts.update(json.loads(row["unscored"]))
    if counts:
        by_role = ", ".join(f"{role} {count}" for role, count in sorted(counts.items()))
        hint = "; if one-channel recordings hold the customer only, set roles.mono" if "mixed" in counts else ""
        _log.info("channels not scored, by role: %s (scoring.roles%s)", by_role, hint)


def _rules_of(settings: Settings) -> list[Section | tuple[str, ...]]:
    """Settings, beside the roles, that the scores depend on. Those not in use are left out: a date is not scored again
    when they change."""
    rules: list[Section | tuple[str, ...]] = [settings.engagement]
    if settings.transcripts.enabled:
        rules.append(settings.transcripts)
    if settings.scoring.priors:
        rules.append(("priors", json.dumps(dict(settings.scoring.priors), sort_keys=True)))
    if settings.scoring.min_confidence:
        rules.append(("min_confidence", repr(settings.scoring.min_confidence)))
    if settings.domain.version or not settings.domain.enabled:
        rules.append(("domain", settings.domain.version or "none"))
    return rules


@dataclass(frozen=True)
class _BothTables:
    """Packed segments of one date and bucket → rows of `segment_emotions` and `call_emotions`."""

    store: TableStore
    classes: Sequence[str]
    rules: CallRules
    same_buckets: bool

    def __call__(self, pieces: pa.Table) -> Mapping[str, pa.Table]:
        """Rows by table."""
        date, bucket = (pieces[name][0].as_py() for name in ("call_date", BUCKET))
        own = [bucket_key(CALL_TALK, {"call_date": date}, bucket)]
        talk = own if self.same_buckets else self.store.files_of(CALL_TALK, call_date=date)
        rows = with_talk_share(self.store, unpacked(pieces.column(ROWS).to_pylist()), talk)
        keys = [(name, "ascending") for name in ("call_id", "role", "start_s", "recording_id", "channel", "segment_no")]
        ordered = rows.sort_by(keys)
        return {SEGMENT_EMOTIONS.name: ordered, CALL_EMOTIONS.name: call_table(ordered, self.classes, self.rules)}
