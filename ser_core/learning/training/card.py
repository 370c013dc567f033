"""The model card: training data, method, metrics and limits of a model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from ser_core.learning.training.cross_validation import Evaluation
from ser_core.learning.training.evaluation_text import render, render_importance
from ser_core.learning.training.provenance import how_it_was_made

_CARD = """# {model_version}

{kind} the emotion of a stretch of speech from features of its sound, without
knowing the words. Trained {created_at:%Y-%m-%d %H:%M} UTC.

| | |
|---|---|
| feature set | {feature_set} |
| label scheme | {label_scheme}: {classes} |
| corpus | {corpus}, {languages} |
| data | {rows} segments of {recordings} recordings by {speakers} speakers, {minutes:.0f} minutes{sampled} |
| segments by class | {rows_by_class} |
| altered copies | {altered} |
| seed | {seed} |

{licence}

{terms}

## How it was made

{made}

## How good it is

{figures}
In the random split, the same speakers are in the train and the test part, which makes it optimistic; rely on the
speaker-independent metrics. They are of the corpus, not of calls.
{pictures}{importance}
## What it is for, and what it is not for

- For tendencies over many calls. A single segment's emotion is a guess with a probability.
- {corpus} is a labelled corpus{acted}: callers on a telephone line speak differently, so expect less than the
  metrics above. Label some of your own calls before you rely on it.
- Languages, accents, ages and lines outside the corpus were never tested.
- Not for decisions about a person. Inferring the emotions of employees at work is prohibited in the European Union
  (AI Act, art. 5(1)(f)), which is why only the customer's channel is scored unless a purpose is stated.
"""
_IMPORTANCE = """
## Which features it uses

{table}
The drop of the unweighted average recall of segments, on speakers outside the training data, when a family's values
are shuffled over the segments. Families share information: a redundant family loses little.
"""
_ACTED = frozenset({"crema-d", "emodb", "jl-corpus", "nemo", "ravdess", "savee", "tess"})


def render_card(
    model_version: str,
    label_scheme: str,
    feature_set_id: str,
    training: Mapping[str, Any],
    evaluation: Evaluation,
    created_at: dt.datetime,
    extra: Sequence[str],
) -> str:
    """The card as Markdown. `training` holds the fields of `TrainingSummary`, `extra` the names of further files."""
    pictures = [f"![{name}]({name})" for name in extra if name.endswith((".png", ".svg"))]
    return _CARD.format(
        model_version=model_version,
        created_at=created_at.astimezone(dt.UTC),
        feature_set=feature_set_id,
        label_scheme=label_scheme,
        classes=", ".join(evaluation.classes),
        corpus=training["corpus"],
        languages=", ".join(training["languages"]) or "language not stated",
        rows=training["rows"],
        recordings=training["recordings"],
        speakers=training["speakers"],
        minutes=training["duration_s"] / 60,
        sampled=", a stratified sample of the corpus" if training["sampled"] else "",
        rows_by_class=", ".join(f"{name} {rows}" for name, rows in training["rows_by_class"].items()),
        seed=training["seed"],
        kind=_kind(training["perceptrons"]),
        altered=", ".join(f"{name} {rows}" for name, rows in training["altered_rows"].items()) or "none",
        made=how_it_was_made(training),
        licence=training["licence"],
        terms=_terms(training["commercial_use"]),
        figures=render(evaluation),
        importance=_importance(evaluation),
        pictures="".join(f"\n{picture}\n" for picture in pictures),
        acted=" of acted emotions" if _ACTED.issuperset(training["corpus"].split(", ")) else "",
    )


def _terms(commercial_use: bool) -> str:
    if commercial_use:
        return "**Commercial use**: the terms of the training data allow it."
    return "**Commercial use**: no. The terms of the training data do not allow it, or are not known."


def _kind(perceptrons: int) -> str:
    return (
        "A multilayer perceptron that names" if perceptrons == 1 else f"{perceptrons} multilayer perceptrons that name"
    )


def _importance(evaluation: Evaluation) -> str:
    table = render_importance(evaluation)
    return _IMPORTANCE.format(table=table) if table else ""
