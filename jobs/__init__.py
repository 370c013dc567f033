"""spark-submit entry points: parse settings, wire, call."""
