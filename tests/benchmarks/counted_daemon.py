"""Spark's daemon of Python workers, which count their requests to storage (`spark.python.daemon.module`)."""

from __future__ import annotations

from tests.benchmarks.counted import count_requests

if __name__ == "__main__":
    count_requests()
    from pyspark.daemon import manager

    manager()
