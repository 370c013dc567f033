"""The evaluation of a model as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ser_core.learning.training.cross_validation import Evaluation

_HEADERS = (
    "random split 75/25 (optimistic: speakers leak)",
    "speaker-independent folds",
    "the same, normalised by speaker (transductive)",
)


def render(evaluation: Evaluation) -> str:
    """The protocols side by side, and the recall of each class, as Markdown tables."""
    results = (evaluation.random_split, evaluation.speaker_independent, evaluation.speaker_normalised)
    chance = 1 / len(evaluation.classes)
    figures = [
        ("unweighted average recall (UAR)", *(_share(r.metrics.uar) for r in results)),
        ("accuracy", *(_share(r.metrics.accuracy) for r in results)),
        ("expected calibration error", *(_share(r.metrics.ece) for r in results)),
        ("UAR by fold", *(", ".join(_share(uar) for uar in r.uar_by_fold) for r in results)),
        ("decisions", *(str(r.metrics.decisions) for r in results)),
    ]
    recalls = [(f"{name}", *(_share(r.metrics.recall[name]) for r in results)) for name in evaluation.classes]
    parts = [
        _table(("", *_HEADERS), figures),
        f"Chance is a UAR of {chance:.3f}. A decision is made on a labelled recording: the posteriors of its segments "
        "are averaged. Normalised by speaker: the statistics of a test speaker are of all their clips, without labels, "
        "as of a whole call; the column before it is for a single clip.",
        _table(("recall", *_HEADERS), recalls),
        *(f"Warning: {sentence}" for sentence in evaluation.warnings),
    ]
    return "\n\n".join(parts) + "\n"


def render_importance(evaluation: Evaluation) -> str:
    """The importance of each feature family, largest first, as a Markdown table; empty where it was not measured."""
    rows = [
        (of.family, str(of.features), f"{of.uar_drop_mean:+.3f}", f"{of.uar_drop_sd:.3f}")
        for of in evaluation.importance
    ]
    return _table(("family", "features", "UAR lost", "deviation"), rows) + "\n" if rows else ""


def _share(value: float | None) -> str:
    return "not tested" if value is None else f"{value:.3f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
