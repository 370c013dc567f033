"""One kill of each kind: what the next run leaves is what an undisturbed one leaves."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from tests.faults.kills import Trials
from tests.faults.night import Night
from tests.faults.trials import RUNNING, Trial


@pytest.mark.parametrize(
    ("job", "target", "moment", "share"),
    [
        ("ingest", "worker", "recordings", 0.0),
        ("extract", "executor", RUNNING, 0.3),
        ("score", "driver", "segment_emotions", 0.3),
        ("nightly", "driver", "channels", 0.5),
        ("train", "driver", "features", 0.0),
    ],
)
def test_a_run_after_a_kill_makes_whole(
    spark: SparkSession, night: Night, job: str, target: str, moment: str, share: float
) -> None:
    outcome = Trials(spark, night).run(Trial(0, job, target, moment, share, "both"))
    assert outcome.difference is None
