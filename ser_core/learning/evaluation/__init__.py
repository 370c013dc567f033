"""Evaluation: predictions on labelled corpora and calls, their metrics, and the comparison of models."""
