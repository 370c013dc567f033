"""Evaluation and search through the real jobs."""
