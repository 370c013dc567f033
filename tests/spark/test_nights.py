"""Six nights of the long simulation."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from tests.faults.nights import Simulation
from tests.faults.nights_plan import SHORT


def test_after_six_nights_every_table_equals_the_truth(spark: SparkSession, tmp_path: Path) -> None:
    simulation = Simulation(spark, tmp_path, "metadata", SHORT, 0)
    assert simulation.run() == []
    assert len(simulation.ended) == 5
