"""Bytes → numbers: decoding, speech, segments, features."""
