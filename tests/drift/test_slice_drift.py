"""Drift within slices: recorded where it can be measured, and a status where it cannot."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from lakeloop.config.metric import Task
from lakeloop.config.monitor import Monitor
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
from lakeloop.drift.reference import Reference
from lakeloop.drift.slice_drift import measure_slices
from lakeloop.drift.slicing import Slicing
from lakeloop.statuses import Status, Verdict

TRAINED = datetime(2013, 4, 1, tzinfo=UTC)
ORIGIN = ColumnBins("origin", "category", categories=("EWR", "JFK"))
DISTANCE = ColumnBins("distance", "number", edges=(500.0,))
BY_ORIGIN = Slicing("origin", ORIGIN)
MONITOR = Monitor(min_rows=4, statistic={"number": "total_variation"})


def reference(jfk: list[int] | None = None) -> Reference:
    slices = {("origin", "JFK"): {"distance": np.array(jfk or [50, 50, 0])}}
    return Reference("late", Task.CLASSIFICATION, TRAINED, (ORIGIN, DISTANCE), (), {}, {}, (), (BY_ORIGIN,), slices)


def window(distance, origin: str = "JFK") -> pa.Table:
    profiler = DailyProfiler(ProfilePlan((ORIGIN, DISTANCE), "UTC", "at", slicings=(BY_ORIGIN,)))
    profiler.add(pa.table({"at": [TRAINED] * len(distance), "origin": [origin] * len(distance), "distance": distance}))
    return profiler.profiles()


def test_a_slice_is_compared_with_the_same_slice_of_the_reference():
    (found,) = measure_slices(reference(), window(pa.array([100.0, 600.0, 700.0, 800.0])), MONITOR)
    assert (found.slice_key, found.slice_value, found.column) == ("origin", "JFK", "distance")
    assert (found.value, found.rows, found.reference_rows) == (0.25, 4, 100)
    assert (found.status, found.verdict) == (Status.OK, Verdict.RECORDED)


@pytest.mark.parametrize(
    ("distance", "origin", "jfk", "status"),
    [
        ([100.0, 600.0, 700.0], "JFK", None, Status.TOO_FEW_ROWS),
        ([None] * 4, "JFK", None, Status.ALL_NULL),
        (["a"] * 4, "JFK", None, Status.CHANGED_TYPE),
        ([100.0] * 4, "LGA", None, Status.INSUFFICIENT_REFERENCE),  # no such slice in the reference
        ([100.0] * 4, "JFK", [1, 2, 0], Status.INSUFFICIENT_REFERENCE),
    ],
)
def test_what_cannot_be_measured_has_a_status_and_no_value(distance, origin, jfk, status):
    values = pa.array(distance) if distance[0] is not None else pa.array(distance, pa.float64())
    (found,) = measure_slices(reference(jfk), window(values, origin), MONITOR)
    assert (found.status, found.value, found.verdict) == (status, None, Verdict.UNKNOWN)


def test_a_reference_with_slices_survives_its_document():
    assert Reference.from_json(reference().to_json()) == reference()
    assert '"slic' not in Reference("late", Task.CLASSIFICATION, TRAINED, (ORIGIN,), (), {}, {}).to_json()
