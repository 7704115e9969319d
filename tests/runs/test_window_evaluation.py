"""Judging windows by their profiles: what can't be judged is said, the rest is judged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from lakeloop.config.loading import load_config
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
from lakeloop.runs.window_evaluation import _judge
from lakeloop.statuses import Role, Status, Verdict
from tests.drift.factories import make_reference

MODEL = load_config(Path(__file__).parents[2]).models["late_arrival"]
BINS = (ColumnBins("seats", "number", edges=(100.0,)), ColumnBins("origin", "category", categories=("EWR", "JFK")))
REFERENCE = make_reference({"seats": [[50, 50, 0]] * 60, "origin": [[50, 50, 0, 0]] * 60}, BINS)


def profiles(seats: pa.Array) -> pa.Table:
    start = datetime(2013, 4, 1, tzinfo=UTC)
    days = [start + timedelta(days=row % 7) for row in range(len(seats))]
    profiler = DailyProfiler(ProfilePlan(BINS, "UTC", "at"))
    profiler.add(pa.table({"at": days, "seats": seats, "origin": ["EWR", "JFK"] * (len(seats) // 2)}))
    return profiler.profiles()


def test_a_column_of_another_type_is_not_judged_and_the_others_are():
    seats, origin = _judge(REFERENCE, profiles(pa.array(["many"] * 700)), {"seats": Role.CONTRACT}, MODEL, 7)
    assert (seats.status, seats.verdict, seats.value) == (Status.CHANGED_TYPE, Verdict.UNKNOWN, None)
    assert (origin.status, origin.verdict) == (Status.OK, Verdict.STABLE)


def test_infinite_values_count_in_the_end_bins():
    infinite = pa.array([float("inf"), float("-inf")] * 350)
    seats, _ = _judge(REFERENCE, profiles(infinite), {}, MODEL, 7)
    assert (seats.status, seats.verdict, seats.rows) == (Status.OK, Verdict.STABLE, 700)
    seats, _ = _judge(REFERENCE, profiles(pa.array([float("inf")] * 700)), {}, MODEL, 7)
    assert (seats.status, seats.verdict) == (Status.OK, Verdict.DRIFT)


def test_a_constant_is_judged():
    seats, _ = _judge(REFERENCE, profiles(pa.array([50.0] * 700)), {}, MODEL, 7)
    assert (seats.status, seats.verdict) == (Status.OK, Verdict.DRIFT)
