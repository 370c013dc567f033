"""Altered copies of a recording: another voice, another room, a telephone line. Array in, array out."""

from ser_core.sound.augmentation.condition import (
    RECORDED,
    TELEPHONE_CONDITION,
    Condition,
    describe,
    training_conditions,
)

__all__ = ["RECORDED", "TELEPHONE_CONDITION", "Condition", "describe", "training_conditions"]
