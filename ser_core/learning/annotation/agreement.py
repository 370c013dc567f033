"""Agreement between annotators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def agreement_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Label counts and agreement of rows of the table `labels`.

    Returns:
        `annotators` (counts by emotion, by annotator), `shared_segments` (labelled by two or more),
        `pairwise_agreement` and `krippendorff_alpha`.
    """
    units: dict[tuple[Any, ...], list[str]] = {}
    by_annotator: dict[str, Counter[str]] = {}
    for row in rows:
        stretch = tuple(row[name] for name in ("recording_id", "channel", "start_s", "end_s"))
        units.setdefault(stretch, []).append(row["emotion"])
        by_annotator.setdefault(row["annotator"], Counter())[row["emotion"]] += 1
    return {
        "annotators": {name: dict(counts.most_common()) for name, counts in sorted(by_annotator.items())},
        "shared_segments": sum(len(unit) > 1 for unit in units.values()),
        "pairwise_agreement": pairwise_agreement(units.values()),
        "krippendorff_alpha": nominal_alpha(units.values()),
    }


def nominal_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal data (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", C).

    1 is full agreement, 0 is chance. Any number of annotators, each of whom may have skipped units. Computed here
    because the package `krippendorff` is licensed under GPL-3.0.

    Args:
        units: the labels of each unit, one per annotator; a unit with fewer than two labels is ignored.

    Returns:
        None where no unit has two labels, or all labels are equal.
    """
    paired = [Counter(unit) for unit in units if len(unit) > 1]
    totals: Counter[str] = sum(paired, Counter())
    n = totals.total()
    expected = _differing(totals)
    if not expected:
        return None
    observed = sum(_differing(unit) / (unit.total() - 1) for unit in paired)
    return 1.0 - (n - 1) * observed / expected


def pairwise_agreement(units: Iterable[Sequence[str]]) -> float | None:
    """The share of pairs of annotators with the same label, as a mean over units with two labels or more.

    None where there is no such unit.
    """
    paired = [Counter(unit) for unit in units if len(unit) > 1]
    shares = [sum(n * (n - 1) for n in unit.values()) / (unit.total() * (unit.total() - 1)) for unit in paired]
    return sum(shares) / len(shares) if shares else None


def majority(labels: Sequence[str]) -> str | None:
    """The most frequent label; None for a tie."""
    ranked = Counter(labels).most_common(2)
    return None if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]) else ranked[0][0]


def _differing(labels: Counter[str]) -> int:
    """The number of ordered pairs of labels that differ."""
    return labels.total() ** 2 - sum(count**2 for count in labels.values())
