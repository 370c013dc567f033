"""Splits, classifier, metrics, model bundle."""
