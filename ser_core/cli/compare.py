"""`ser model compare A B`: how far two models agree on calls that both scored, before one of them is promoted."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ser_core.cli.common import Result
from ser_core.cli.open import open_catalog, open_models, open_tables
from ser_core.cli.scored_by_both import ModelPair
from ser_core.config import Settings
from ser_core.data.storage import Storage
from ser_core.data.tables.schemas import SEGMENT_EMOTIONS
from ser_core.data.tables.store import TableStore
from ser_core.emotions import EMOTIONS, LabelScheme, scheme_of
from ser_core.errors import SerError, SettingsError
from ser_core.learning.evaluation.model_comparison import agreement, gains, matrix, shift
from ser_core.learning.training.bundle_content import MANIFEST
from ser_core.learning.training.registry import resolve
from ser_core.report.comparison import comparison_tables

RECENT_DAYS = 7
"""Days up to the newest that either model scored, where none are named."""
UNDECIDED = "undecided"
_NO_LABELS = (
    "No speech that both scored carries a label that both have a class for: `ser label sample` makes clips for people "
    "to listen to."
)


class NothingSharedError(SerError):
    """The models have no speech in common."""


@dataclass(frozen=True)
class Compatible:
    """What of a model's manifest the comparison depends on."""

    model_version: str
    scheme: LabelScheme
    feature_set: str

    @classmethod
    def read(cls, models: Storage, model_version: str) -> Compatible:
        """From the manifest of a bundle, of whatever format: an old model may be compared too."""
        manifest = json.loads(models.read(f"{model_version}/{MANIFEST}"))
        labels = manifest["label_scheme"]
        return cls(model_version, scheme_of(labels["name"], set(labels["classes"])), manifest["feature_set"]["id"])


def compare(
    settings: Settings, names: tuple[str, str], first: dt.date | None, last: dt.date | None, *, labels: bool
) -> Result:
    """The comparison of two models, over the dates from `first` to `last`; with `labels`, their recalls too.

    Raises:
        BundleError: there is no such model.
        SettingsError: they are one and the same, or `first` is after `last`.
        NothingSharedError: no date in the span was scored by both, or no channel.
    """
    models = open_models(settings)
    a, b = (resolve(models, settings.models.name, name) for name in names)
    if a == b:
        raise SettingsError([f"{a} is compared with itself; expected two models, `ser model list` shows what there is"])
    both = Compatible.read(models, a), Compatible.read(models, b)
    store = open_tables(settings)
    scored = {model: _dates(store, model) for model in (a, b)}
    span = _span(scored.values(), first, last, labels=labels)
    within = {model: {date for date in dates if span[0] <= date <= span[1]} for model, dates in scored.items()}
    shared = sorted(within[a] & within[b])
    missing = {model: sorted((within[a] | within[b]) - dates) for model, dates in within.items()}
    notes = [_advice(model, dates, both) for model, dates in missing.items() if dates]
    if not shared:
        message = f"{a} and {b} have scored no date in common from {span[0]} to {span[1]}"
        raise NothingSharedError("\n".join([message, *(notes or [_advice(b, [], both)])]))
    pair = ModelPair(open_catalog(settings), a, b, shared)
    metrics = _metrics(pair, both)
    metrics["labels"] = _on_labels(pair, both) if labels else None
    if labels and not metrics["labels"]:
        notes.append(_NO_LABELS)
    if both[0].scheme.name != both[1].scheme.name:
        schemes = " and ".join(f"{model.model_version} has {model.scheme.name}" for model in both)
        notes.append(f"The label schemes differ ({schemes}): an emotion that one of them lacks is never agreed on.")
    facts = {
        "a": a,
        "b": b,
        "dates": [date.isoformat() for date in shared],
        **metrics,
        "not_scored": {model: [date.isoformat() for date in dates] for model, dates in missing.items()},
        "notes": notes,
    }
    return facts, comparison_tables(facts)


def _dates(store: TableStore, model: str) -> set[dt.date]:
    of_model = (part for part in store.partitions(SEGMENT_EMOTIONS) if part["model_version"] == model)
    return {dt.date.fromisoformat(part["call_date"]) for part in of_model}


def _span(
    scored: Iterable[set[dt.date]], first: dt.date | None, last: dt.date | None, *, labels: bool
) -> tuple[dt.date, dt.date]:
    """The dates asked for; for labels all there are, as labels are rarely of the newest calls."""
    every = sorted(set().union(*scored)) or [dt.date.max]
    last = last or every[-1]
    recent = every[0] if labels else last - dt.timedelta(days=RECENT_DAYS - 1)
    first = first or min(recent, last)
    if first > last:
        raise SettingsError([f"--from {first} is after --to {last}"])
    return first, last


def _advice(model: str, dates: Sequence[dt.date], both: Sequence[Compatible]) -> str:
    """What to do about dates that a model has not scored."""
    shown = ", ".join(map(str, dates[:3])) + (f" and {len(dates) - 3} more" if len(dates) > 3 else "")
    call_date = f" --call-date {dates[0]}" if dates else ""
    first = "" if both[0].feature_set == both[1].feature_set else (
        " It was trained on other features than the other model: give the settings it was trained with, and run "
        "`ser extract` with them first."
    )  # fmt: skip
    return (
        f"{model} has not scored {shown or 'any of them'}: `ser score --scoring.model {model}{call_date}` does.{first}"
    )


def _metrics(pair: ModelPair, both: Sequence[Compatible]) -> dict[str, Any]:
    channels = pair.channels()
    if not channels["both"]:
        raise NothingSharedError(
            f"On {len(pair.dates)} dates that both scored, {pair.a} and {pair.b} have no channel in "
            "common: score them with the same scoring.roles, and again where calls have changed since"
        )
    pairs = pair.pairs()
    seconds = {model: pair.seconds(model) for model in (pair.a, pair.b)}
    predicted = {name for a, b, _ in pairs for name in (a, b)} | {name for of in seconds.values() for name in of}
    known = predicted | {name for model in both for name in model.scheme.classes}
    names = [name for name in EMOTIONS if name in known]
    shown = [*names, None]
    confusion = matrix(pairs, shown)
    totals = [np.array([of.get(name, 0.0) for name in names]) for of in seconds.values()]
    moved = shift(*totals)
    return {
        "channels": channels,
        "speech_s": float(confusion.sum()),
        "agreement": asdict(agreement(confusion[:-1, :-1])),
        "confusion_s": {
            name or UNDECIDED: dict(zip([*names, UNDECIDED], row.tolist(), strict=True))
            for name, row in zip(shown, confusion, strict=True)
        },
        "shift": {"psi": moved.psi, "classes": _by_class(names, moved.a, moved.b)},
        UNDECIDED: dict(zip("ab", (of.get(None, 0.0) / sum(of.values()) for of in seconds.values()), strict=True)),
    }


def _by_class(
    names: Sequence[str], a: Sequence[float] | None, b: Sequence[float] | None
) -> dict[str, dict[str, float | None]]:
    nothing = [None] * len(names)
    rows = zip(names, a or nothing, b or nothing, strict=True)
    return {name: {"a": of_a, "b": of_b, "difference": _difference(of_a, of_b)} for name, of_a, of_b in rows}


def _difference(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _on_labels(pair: ModelPair, both: Sequence[Compatible]) -> Mapping[str, Any] | None:
    """Recalls on labelled speech that both scored; None where there is none.

    A model is right where it predicts the class that its scheme has for the label. A label is left out where one of the
    schemes has no class for it.
    """
    rows = pair.labelled()
    right = {
        emotion: tuple(model.scheme.label(emotion) for model in both) for emotion in {row["truth"] for row in rows}
    }
    kept = [row for row in rows if None not in right[row["truth"]]]
    if not kept:
        return None
    names = [name for name in EMOTIONS if name in {row["truth"] for row in kept}]
    _, call = np.unique([row["call_id"] for row in kept], return_inverse=True)
    gained = gains(
        call,
        np.array([names.index(row["truth"]) for row in kept], dtype=np.intp),
        np.array([row["seconds"] for row in kept]),
        np.array([[row[of] == right[row["truth"]][i] for i, of in enumerate("ab")] for row in kept]),
        len(names),
    )
    recall = {name: gain.to_json() for name, gain in zip(names, gained.recall, strict=True) if gain is not None}
    left_out_s = sum(row["seconds"] for row in rows) - sum(row["seconds"] for row in kept)
    return {"calls": gained.calls, "uar": gained.uar.to_json(), "recall": recall, "left_out_s": left_out_s}
