"""Names of the rows of the corpus benchmark's table, and the condition of each."""

from __future__ import annotations

from ser_core.learning.evaluation.corpus_conditions import CONDITIONS, CorpusCondition

PEER = "peer:"
"""Prefix of a peer: `peer:<name>` is its row under `unheard_speaker`, `peer:<name>:<other>` under another condition."""
ANNOTATORS = "annotators"
TRANSFERRED = ("unheard_speaker", "unheard_speaker_normalised")
"""Conditions that are also tested across corpora and languages."""
_NORMALISED = "normalised"


def line_of(name: str, condition: CorpusCondition) -> str:
    """The row name of `name`, such as `peer:tutorial` or `language:de`, under `condition`."""
    plain, normalised = TRANSFERRED
    return name + {plain: "", normalised: f":{_NORMALISED}"}.get(condition.name, f":{condition.name}")


def condition_of(line: str) -> CorpusCondition | None:
    """The condition of a row; None for the annotators' row."""
    if line == ANNOTATORS:
        return None
    own = next((condition for condition in CONDITIONS.values() if line in condition.lines), None)
    last = line.rpartition(":")[2]
    return own or CONDITIONS.get(TRANSFERRED[last == _NORMALISED] if last not in CONDITIONS else last)


def known(line: str) -> str:
    """What the model knows of a test speaker, in words."""
    condition = condition_of(line)
    return "each annotator against the majority of the others" if condition is None else condition.known
