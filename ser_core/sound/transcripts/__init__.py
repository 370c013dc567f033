"""Transcripts beside recordings → the valence of the words in a segment. No text leaves this package."""

from ser_core.sound.transcripts.sentiment import text_valence
from ser_core.sound.transcripts.transcript_file import read_transcript
from ser_core.sound.transcripts.words import TranscriptError, Words

__all__ = ["TranscriptError", "Words", "read_transcript", "text_valence"]
