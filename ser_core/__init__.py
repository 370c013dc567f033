"""Speech emotion recognition over call archives, as Spark batch jobs."""

__version__ = "0.1.0"
