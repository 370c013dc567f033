"""Labelling of the user's own recordings: segments to label, sheets for annotators, and their agreement."""
