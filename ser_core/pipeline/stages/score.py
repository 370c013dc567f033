"""features → segment_emotions → call_emotions with the promoted model, and channels → call_talk.

Reads no audio and shuffles no vectors.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import ClassVar

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name the field uses

from ser_core.config import Settings
from ser_core.config.base import Section
from ser_core.data.storage import open_storage
from ser_core.data.tables.schemas import CALL_EMOTIONS, SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore
from ser_core.learning.training.bundle import check_fingerprint, load_model, read_bundle, resolve
from ser_core.pipeline.engine.balance import whole_files
from ser_core.pipeline.engine.publish import publish
from ser_core.pipeline.engine.scan import FILE, map_arrow
from ser_core.pipeline.stages.call_talk import Talk, talk_shares
from ser_core.pipeline.stages.lexical import with_transcripts
from ser_core.pipeline.stages.score_kernel import CARRIED, CHANNEL, PACKED, PROFILE, ROWS, ScoreKernel, unpacked
from ser_core.pipeline.stages.stop_rules import Gate
from ser_core.pipeline.state.extractions import Scope
from ser_core.pipeline.state.inputs import TRANSCRIPT, Inputs, call_channels, fingerprint, persisted
from ser_core.pipeline.state.moves import moved_dates, unmark_moved
from ser_core.pipeline.state.runs import Run
from ser_core.scoring.emotion_tables import CallRules, SegmentRules, call_table
from ser_core.scoring.priors import prior_shift
from ser_core.sound.features import feature_set

_log = logging.getLogger(__name__)


class Score:
    """Scores every date in scope whose inputs have changed since this model scored it, whole dates at a time.

    Publishes `call_talk` first, by the same rule.
    """

    name: ClassVar[str] = "score"
    leases: ClassVar[tuple[str, ...]] = ("score",)
    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings, scope: Scope | None = None) -> None:
        self.settings = settings
        self.scope = scope or Scope.of(settings)
        self.store = TableStore(open_storage(settings.tables.uri, settings.storage))
        models = open_storage(settings.models.uri, settings.storage)
        self.model_version = resolve(models, settings.models.name, settings.scoring.model)
        self.bundle = read_bundle(models, self.model_version)
        self.features = feature_set(settings.features, settings.segments)
        self.model = load_model(self.bundle)
        check_fingerprint(self.model, self.features)
        self.talk = Talk(settings, self.scope)
        scoring = settings.scoring
        self.fixed = {"model_version": self.model_version}
        self.rules = SegmentRules(prior_shift(scoring.priors, self.bundle.manifest), scoring.min_confidence)
        rules = fingerprint(scoring.roles, *_rules_of(settings))
        self.inputs = Inputs(self.store, CALL_EMOTIONS, self.fixed, rules, scoring.again)

    def run(self, session: SparkSession, run: Run) -> None:
        """Publishes `call_talk`, then `segment_emotions` and `call_emotions`, both tables of a bucket in one task."""
        self.store.fence = run.fences.get("score")
        run.facts |= {
            "model_version": self.model_version,
            "feature_set": self.features.id,
            "purpose": self.settings.scoring.purpose,
            "priors": json.dumps(self.rules.shift.priors) if self.rules.shift else None,
        }
        moved = moved_dates(self.store)
        scope, keep = self.scope.with_dates(moved), not self.settings.retention.follow_audio
        with persisted(call_channels(session, self.store, self.features.id, scope, gone=keep)) as channels:
            self.talk.publish(session, channels, run, scope)
            with self._inputs_of(channels) as inputs:
                scored = F.col("role").isin(list(self.settings.scoring.roles))
                self._log_unscored(inputs.where(~scored))
                stale = self.inputs.stale(inputs, scored, scope)
                _log.info("%d dates to score with %s", len(stale), self.model_version)
                wanted = inputs.where(scored & F.col("call_date").isin(list(stale)))
                wanted = wanted.join(talk_shares(session, self.store, stale), "call_id", "left")
                self._publish(session, wanted, stale, run)
        unmark_moved(self.store, moved)

    def _log_unscored(self, channels: DataFrame) -> None:
        counts = {row.role: row.n for row in channels.groupBy("role").agg(F.count("*").alias("n")).collect()}
        if counts:
            by_role = ", ".join(f"{role} {count}" for role, count in sorted(counts.items()))
            hint = "; if one-channel recordings hold the customer only, set roles.mono" if "mixed" in counts else ""
            _log.info("channels not scored, by role: %s (scoring.roles%s)", by_role, hint)

    def _inputs_of(self, channels: DataFrame) -> AbstractContextManager[DataFrame]:
        lexical = self.settings.transcripts.enabled
        return persisted(with_transcripts(channels, self.settings)) if lexical else nullcontext(channels)

    def _publish(self, session: SparkSession, wanted: DataFrame, stale: Mapping[dt.date, str], run: Run) -> None:
        """Publishes the dates that pass the stop rules; the others keep their old rows."""
        buckets = self.store.buckets(SEGMENT_EMOTIONS, self.settings.tables.buckets)
        self.store.buckets(CALL_EMOTIONS, buckets)  # published together, in the same buckets
        bundle = session.sparkContext.broadcast(self.bundle)
        broken = session.sparkContext.accumulator(0)
        kernel = ScoreKernel(self.settings, self.store, bundle, self.rules, broken, run.run_id, run.started_at, buckets)
        lexical = (TRANSCRIPT,) if self.settings.transcripts.enabled else ()
        channels = wanted.select(*CHANNEL, *CARRIED, *lexical, FILE, "segments")
        rows = map_arrow(whole_files(channels, FILE, "segments"), kernel, PACKED)
        tables = (SEGMENT_EMOTIONS, CALL_EMOTIONS)
        rules = CallRules(self.settings.engagement, self.settings.transcripts.weight, self.rules.min_confidence)
        make = partial(_both_tables, classes=self.model.classes, rules=rules)
        gate = Gate(self.store, self.settings.drift, self.model)
        with persisted(rows):
            profiles = gate.check(session, rows, wanted, stale, run) if stale else {}
            passed = {date: text for date, text in stale.items() if date in profiles}
            chosen = rows.where(F.col(ROWS).isNotNull() & F.col("call_date").isin(list(passed))).drop(PROFILE)
            counts = publish(chosen, self.store, tables, make, passed, self.fixed, buckets)
        gate.keep(profiles)
        self.inputs.keep(passed)  # last: it marks the dates as done
        run.facts |= {"scored_segments": counts[SEGMENT_EMOTIONS.name], "scored_calls": counts[CALL_EMOTIONS.name]}
        if broken.value:
            _log.warning("%d transcripts could not be read: their calls are scored by voice alone", broken.value)
        if len(passed) < len(stale):
            gate.refuse(sorted(set(stale) - set(passed)), run)


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
    return rules


def _both_tables(pieces: pa.Table, classes: Sequence[str], rules: CallRules) -> Mapping[str, pa.Table]:
    rows = unpacked(pieces.column(ROWS).to_pylist())
    keys = [(name, "ascending") for name in ("call_id", "role", "start_s", "recording_id", "channel", "segment_no")]
    ordered = rows.sort_by(keys)
    return {SEGMENT_EMOTIONS.name: ordered, CALL_EMOTIONS.name: call_table(ordered, classes, rules)}
