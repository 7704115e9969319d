"""Judging windows by their profiles: what can't be judged is said, the rest is judged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from lakeloop.config.loading import load_config
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA, DailyProfiler, ProfilePlan
from lakeloop.drift.estimated_performance import VersionCalibration
from lakeloop.drift.outcome_counts import SCORED_SCHEMA, OutcomeCounter
from lakeloop.runs.alarms import find_alarms
from lakeloop.runs.monitor_counts import outcomes_of
from lakeloop.runs.window_evaluation import References, WindowCounts, _judge, judge_windows
from lakeloop.runs.windows import make_window
from lakeloop.statuses import FlagKind, Role, Status, Verdict
from tests.drift.factories import make_reference

CONFIG = load_config(Path(__file__).parents[2])
MODEL = CONFIG.models["late_arrival"]
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


@pytest.mark.parametrize(("never", "waits"), [(1, False), (0, True)], ids=["never mature", "still to come"])
def test_labels_that_never_mature_are_said_to_be_missing_and_not_waited_for(never, waits):
    """They lack the instant from which their closing is counted: a delivery without its due time."""
    monday = date(2013, 4, 1)
    row = {
        "_block": monday,
        "_label_status": "PENDING",
        "_score_bin": 40,
        "_score": 0.2,
        "_conflict": 0,
        "_never": never,
    }
    counter = OutcomeCounter()
    counter.add(pa.Table.from_pylist([{**row, "_never": never}] * 700, schema=SCORED_SCHEMA))
    outcomes = outcomes_of(MODEL, counter.parts().to_batches())
    references = References(REFERENCE, make_reference({}, ()), VersionCalibration(None, False))
    window = make_window(monday, monday + timedelta(days=7), "America/New_York")
    counted = WindowCounts(PROFILES_SCHEMA.empty_table(), outcomes, ())
    (found,) = judge_windows(CONFIG, MODEL, references, [window], [], counted)
    assert (found.waits, found.labels.pending, found.labels.matured) == (waits, 700, 0)
    assert (found.performance.status, found.performance.metrics) == (Status.NOT_MATURED, {})
    assert found.target.verdict is Verdict.UNKNOWN
    alarms = {kind: alarmed for kind, _, alarmed, _ in find_alarms(MODEL, found)}
    assert alarms.get(FlagKind.BIAS) is None
    assert (FlagKind.BIAS in alarms) is not waits
    again = judge_windows(CONFIG, MODEL, references, [], [window], counted)
    assert [each.performance.status for each in again] == ([] if waits else [Status.NOT_MATURED])
