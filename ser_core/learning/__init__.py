"""Labelled recordings → a model, and how good it is."""
