"""Training: splits, classifier, metrics, model bundle."""
