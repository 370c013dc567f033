"""What the lines of the corpus benchmark's table are called, and what each is of."""

from __future__ import annotations

from ser_core.learning.evaluation.corpus_conditions import CONDITIONS, CorpusCondition

PEER = "peer:"
"""Before a peer's name: `peer:<name>` is its line under `unheard_speaker`, `peer:<name>:<other>` that under another."""
ANNOTATORS = "annotators"
TRANSFERRED = ("unheard_speaker", "unheard_speaker_normalised")
"""Conditions that are tested across corpora and languages too."""
_NORMALISED = "normalised"


def line_of(name: str, condition: CorpusCondition) -> str:
    """What the line of `name`, such as `peer:tutorial` or `language:de`, is called under `condition`."""
    plain, normalised = TRANSFERRED
    return name + {plain: "", normalised: f":{_NORMALISED}"}.get(condition.name, f":{condition.name}")


def condition_of(line: str) -> CorpusCondition | None:
    """The condition that a line is of; None of what annotators say."""
    if line == ANNOTATORS:
        return None
    found = next((one for one in CONDITIONS.values() if line in one.lines), None)
    last = line.rpartition(":")[2]
    return found or CONDITIONS.get(TRANSFERRED[last == _NORMALISED] if last not in CONDITIONS else last)


def known(line: str) -> str:
    """What is known of a speaker who is tested."""
    condition = condition_of(line)
    return "each annotator against the majority of the others" if condition is None else condition.known
