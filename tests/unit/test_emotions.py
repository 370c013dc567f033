from __future__ import annotations

import math

import pytest

from ser_core.emotions import AFFECT, EMOTIONS, SCHEME_NAMES, SCHEMES, scheme_of


def test_the_order_of_names_never_changes() -> None:
    assert EMOTIONS == (
        "neutral",
        "calm",
        "happy",
        "sad",
        "angry",
        "fearful",
        "disgust",
        "surprised",
        "bored",
        "distressed",
    )


@pytest.mark.parametrize("name", list(SCHEMES))
def test_a_scheme_maps_known_emotions_onto_each_of_its_classes(name: str) -> None:
    found = SCHEMES[name]
    assert set(found.groups) <= set(EMOTIONS)
    assert set(found.groups.values()) == set(found.classes)
    assert len(set(found.classes)) == len(found.classes)
    assert set(found.classes) <= set(EMOTIONS)


def test_affect_lies_on_the_circumplex() -> None:
    assert all(math.hypot(point.valence, point.arousal) <= 1 for point in AFFECT.values())
    assert AFFECT["neutral"].valence == AFFECT["neutral"].arousal == 0
    assert AFFECT["happy"].valence > 0 > AFFECT["sad"].valence
    assert AFFECT["angry"].arousal > 0 > AFFECT["calm"].arousal


def test_the_corpus_scheme_is_what_the_corpus_holds() -> None:
    scheme = scheme_of("corpus", {"sad", "angry", "neutral"})
    assert scheme.classes == ("neutral", "sad", "angry")
    assert scheme.label("sad") == "sad"
    assert scheme.label("happy") is None


def test_schemes_are_found_by_name() -> None:
    assert all(scheme_of(name, {"sad"}).name == name for name in SCHEME_NAMES)
    assert scheme_of("contact-centre-4", set()).label("fearful") == "distressed"
    assert scheme_of("tutorial-4", set()).label("angry") is None
    with pytest.raises(KeyError, match="joy"):
        scheme_of("corpus", {"joy"})
    with pytest.raises(KeyError):
        scheme_of("none", set())
