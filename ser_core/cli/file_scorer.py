"""Extraction and scoring of single files, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from ser_core.config import Settings
from ser_core.data.storage import Storage, check_place, open_storage
from ser_core.errors import Reason, Refusal
from ser_core.learning.training.archive_domain import DomainPopulations
from ser_core.learning.training.bundle import Model, check_fingerprint, load_model, read_bundle, resolve
from ser_core.learning.training.domain_files import DomainFiles
from ser_core.learning.training.line_populations import line_of
from ser_core.report.terminal import posterior_bars
from ser_core.scoring import UNDECIDED, CallSummary, score_segments, summarise_call
from ser_core.scoring.priors import prior_shift
from ser_core.scoring.segment_scores import heard_affect
from ser_core.sound.extraction import ChannelFeatures, ExtractionPlan, extract

_SHOWN_SEGMENTS = 12
_NOTHING_DECIDED = "undecided, no segment reaches scoring.min_confidence"


@dataclass(frozen=True)
class ScoredChannel:
    """One channel: its summary and mean familiarity, None where there is no speech, and its segments.

    Segments are (start_s, end_s, emotion, confidence). The emotion of a segment below `scoring.min_confidence` is None,
    and so is that of a channel without other segments.
    """

    channel: ChannelFeatures
    summary: CallSummary | None
    familiarity: float | None
    posteriors: Mapping[str, float]
    segments: tuple[tuple[float, float, str | None, float], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        named = ("start_s", "end_s", "emotion", "confidence")
        return {
            "channel": self.channel.channel,
            "role": self.channel.role,
            "duration_s": self.channel.duration_s,
            "emotion": self.summary.dominant_emotion if self.summary else None,
            "confidence": self.summary.confidence if self.summary else None,
            "undecided_s": self.summary.undecided_s if self.summary else None,
            "valence": self.summary.valence if self.summary else None,
            "arousal": self.summary.arousal if self.summary else None,
            "familiarity": self.familiarity,
            "posteriors": dict(self.posteriors),
            "segments": [dict(zip(named, segment, strict=True)) for segment in self.segments],
        }

    def render(self, name: str) -> Iterator[RenderableType]:
        """For a terminal."""
        title = f"{name}, channel {self.channel.channel} ({self.channel.role}), {self.channel.duration_s:.1f} s"
        if self.summary is None:
            yield Text(f"{title}: no speech")
            return
        yield Text.assemble(title, ": ", (self.summary.dominant_emotion or _NOTHING_DECIDED, "bold"))
        yield posterior_bars(self.posteriors)
        if len(self.segments) > 1:
            spans = [
                f"{start:.1f}–{end:.1f} s {emotion or 'undecided'}"
                for start, end, emotion, _ in self.segments[:_SHOWN_SEGMENTS]
            ]
            more = len(self.segments) - len(spans)
            yield Text("; ".join(spans) + (f"; and {more} more segments (--json has all)" if more else ""), style="dim")


class FileScorer:
    """The model of the settings, ready to score files.

    Raises:
        BundleError: there is no such model, or it was trained on other features than the settings describe.
        SettingsError: `scoring.priors` names an emotion that is no class of the model, or models.uri cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.plan = ExtractionPlan.of(settings)
        models = open_storage(settings.models.uri, settings.storage)
        check_place("models.uri", models, may_be_new=True)
        bundle = read_bundle(models, resolve(models, settings.models.name, settings.scoring.model))
        self.model: Model = load_model(bundle)
        check_fingerprint(self.model, self.plan.feature_set)
        self.shift = prior_shift(settings.scoring.priors, bundle.manifest)
        self.min_confidence = settings.scoring.min_confidence
        self.domain = _domain(settings, models, self.model)

    def score(self, file: Path) -> list[ScoredChannel]:
        """The channels of a file that may be scored.

        Raises:
            Refusal: the file cannot be used, or has no channel that may be scored.
        """
        try:
            with file.open("rb") as source:
                extracted = extract(source, file.stat().st_size, self.plan)
        except FileNotFoundError:
            raise Refusal(Reason.MISSING, "there is no such file") from None
        except OSError as error:
            raise Refusal(Reason.FORBIDDEN, f"cannot be read: {error.strerror}") from None
        scored = [channel for channel in extracted.channels if channel.role in self.plan.roles_scored]
        if not scored:
            roles = ", ".join(channel.role for channel in extracted.channels)
            raise Refusal(
                Reason.FORBIDDEN,
                f"it holds {roles}, and scoring.roles is {', '.join(self.plan.roles_scored)}; where a one-channel "
                "recording holds one customer only, give --roles.mono customer",
            )
        return [self._score_channel(channel) for channel in scored]

    def _score_channel(self, channel: ChannelFeatures) -> ScoredChannel:
        if not len(channel.start_s):
            return ScoredChannel(channel, None, None, {}, ())
        classes = self.model.classes
        population = None if self.domain is None else self.domain.of(line_of(channel.narrowband, channel.codec))
        heard = self.model.scores(channel.vectors, np.zeros(len(channel.vectors), dtype=np.intp), population)
        posteriors = heard.posteriors if self.shift is None else self.shift(heard.posteriors)
        scores = score_segments(posteriors, classes, self.min_confidence)
        affect = heard_affect(posteriors, classes, heard.arousal_high, heard.valence_negative)
        emotions = [None if place == UNDECIDED else classes[place] for place in scores.emotion.tolist()]
        weights = channel.end_s - channel.start_s
        mean = np.average(posteriors, axis=0, weights=weights)
        spans = zip(channel.start_s.tolist(), channel.end_s.tolist(), emotions, scores.confidence.tolist(), strict=True)
        return ScoredChannel(
            channel,
            summarise_call(channel.start_s, channel.end_s, posteriors, classes, self.min_confidence, affect),
            float(np.average(heard.familiarity, weights=weights)),
            {name: float(value) for name, value in zip(classes, mean, strict=True)},
            tuple(spans),
        )


def _domain(settings: Settings, models: Storage, model: Model) -> DomainPopulations | None:
    """The archive's populations: the version of the settings, else the current one; None where there is none."""
    if not settings.domain.enabled:
        return None
    files = DomainFiles(models, settings.archive.name, model.feature_set_id, len(model.feature_names))
    version = settings.domain.version
    domain = files.current() if version is None else files.read(version)
    return None if domain is None else domain.measured(model.population)
