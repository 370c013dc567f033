"""Stretches of speech in a channel, and their syllables. Array in, array out."""

from ser_core.sound.speech.activity import SpeechActivity
from ser_core.sound.speech.syllables import count_syllables

__all__ = ["SpeechActivity", "count_syllables"]
