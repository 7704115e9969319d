"""Daily profiles: exact counts, days of the zone, slices, and merges that equal one pass."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeloop.drift.bins import ColumnBins, propose_bins
from lakeloop.drift.counts import count_bins, sum_counts
from lakeloop.drift.daily_profiles import PROFILES_SCHEMA, DailyProfiler, ProfilePlan
from lakeloop.drift.merged_profiles import EACH_DAY, WHOLE, describe_profile, merge_profiles, to_counts
from lakeloop.drift.slicing import TRUTHS, Slicing
from lakeloop.errors import DistributionError

DISTANCE = ColumnBins("distance", "number", edges=(100.0, 500.0))
ORIGIN = ColumnBins("origin", "category", categories=("EWR", "JFK"))
START = datetime(2013, 4, 1, 12, tzinfo=UTC)
EXACT = [name for name in PROFILES_SCHEMA.names if not name.endswith("_sketch")]


def profile(table: pa.Table, *bins: ColumnBins, batch: int = 1000, zone: str = "UTC", **plan) -> pa.Table:
    profiler = DailyProfiler(ProfilePlan(bins, zone, "at", **plan))
    for each in table.to_batches(max_chunksize=batch):
        profiler.add(each)
    return profiler.profiles()


def rows_at(*values: float | None, at: datetime = START, column: str = "distance") -> pa.Table:
    return pa.table({"at": pa.array([at] * len(values), pa.timestamp("us", "UTC")), column: pa.array(list(values))})


def test_a_number_is_counted_exactly():
    values = pa.array([0.0, 50.0, 100.0, 500.5, None, float("nan"), float("inf"), float("-inf")])
    table = pa.table({"at": [START] * 8, "distance": values})
    (row,) = profile(table, DISTANCE).select(EXACT).to_pylist()
    assert row == {
        "block": date(2013, 4, 1),
        "block_start": datetime(2013, 4, 1, tzinfo=UTC),
        "slice_key": None,
        "slice_value": None,
        "column_name": "distance",
        "count": 8,
        "num_nan": 1,
        "num_zeros": 1,
        "num_infinite": 2,
        "sum_squares": 50.0**2 + 100.0**2 + 500.5**2,
        "min": 0.0,
        "max": 500.5,
        "bins": [4, 0, 2, 2],
        "bin_sums": [150.0, 0.0, 500.5, 0.0],
        "status": "OK",
    }
    told = describe_profile(profile(table, DISTANCE).to_pylist()[0])
    assert told["num_nulls"] == 2
    assert told["percent_null"] == 25.0
    assert told["avg"] == pytest.approx(650.5 / 4)
    assert told["stddev"] == pytest.approx(np.std([0, 50, 100, 500.5], ddof=1))
    assert (told["min"], told["max"], told["distinct_count"]) == (0.0, 500.5, 4)
    assert told["quantiles"][0] == 0.0


def test_a_category_is_counted_exactly():
    table = pa.table({"at": [START] * 4, "origin": ["JFK", "LGA", None, "JFK"]})
    (row,) = profile(table, ORIGIN).to_pylist()
    assert (row["bins"], row["bin_sums"], row["min"], row["num_zeros"]) == ([0, 2, 1, 1], None, None, 0)
    told = describe_profile(row)
    assert (told["distinct_count"], told["percent_distinct"], told["num_nulls"]) == (2, pytest.approx(200 / 3), 1)
    assert (told["avg"], told["stddev"], told["quantiles"], told["num_nan"]) == (None, None, None, None)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            [None, None],
            {"num_nulls": 2, "percent_null": 100.0, "avg": None, "stddev": None, "min": None, "median": None},
        ),
        ([7.0, 7.0], {"num_nulls": 0, "avg": 7.0, "stddev": 0.0, "min": 7.0, "max": 7.0, "distinct_count": 1}),
        ([7.0], {"count": 1, "avg": 7.0, "stddev": None, "median": 7.0}),
        ([float("inf")] * 2, {"num_infinite": 2, "num_nulls": 0, "avg": None, "min": None, "percent_zeros": 0.0}),
    ],
    ids=["all null", "constant", "one row", "infinite only"],
)
def test_odd_columns_have_figures_where_they_are_defined(values, told):
    (row,) = profile(rows_at(*values), DISTANCE).to_pylist()
    assert {name: describe_profile(row)[name] for name in told} == told


def test_days_are_those_of_the_zone_and_have_as_many_hours_as_the_clock_gave_them():
    first = datetime(2013, 3, 10, 5, tzinfo=UTC)  # midnight in New York, in the night in which clocks go forward
    instants = [first + timedelta(minutes=30 * step) for step in range(2 * 23 + 2)]
    table = pa.table({"at": instants, "distance": [1.0] * len(instants)})
    days = profile(table, DISTANCE, zone="America/New_York").to_pylist()
    assert [(row["block"].day, row["count"]) for row in days] == [(10, 46), (11, 2)]
    hours = profile(table, DISTANCE, zone="America/New_York", is_hourly=True)
    assert hours.num_rows == 24
    assert [row["block_start"] for row in hours.to_pylist()][:3] == [first + timedelta(hours=each) for each in range(3)]
    merged = merge_profiles(hours, EACH_DAY).to_pylist()
    assert [(row["block"].day, row["block_start"], row["count"]) for row in merged] == [
        (10, first, 46),
        (11, datetime(2013, 3, 11, 4, tzinfo=UTC), 2),
    ]


def test_hours_of_a_zone_between_whole_hours_begin_with_its_midnight():
    table = rows_at(1.0, at=datetime(2013, 4, 1, 18, 45, tzinfo=UTC))
    (row,) = profile(table, DISTANCE, zone="Asia/Kolkata", is_hourly=True).to_pylist()
    assert (row["block"], row["block_start"]) == (date(2013, 4, 2), datetime(2013, 4, 1, 18, 30, tzinfo=UTC))


def test_slices_part_the_rows():
    far = Slicing("far", ColumnBins("far", "category", categories=TRUTHS), "distance > 200")
    table = pa.table(
        {"at": [START] * 4, "origin": ["JFK", "EWR", "LGA", "JFK"], "distance": [50.0, 300.0, 700.0, None]}
    )
    found = profile(table, DISTANCE, ORIGIN, slicings=(Slicing("origin", ORIGIN), far))
    told = {
        (row["slice_key"], row["slice_value"]): row["bins"]
        for row in found.to_pylist()
        if row["column_name"] == "distance"
    }
    assert told == {
        (None, None): [1, 1, 1, 1],
        ("origin", "EWR"): [0, 1, 0, 0],
        ("origin", "JFK"): [1, 0, 0, 1],
        ("origin", "OTHER"): [0, 0, 1, 0],
        ("far", "true"): [0, 1, 1, 0],
        ("far", "false"): [1, 0, 0, 0],
        ("far", "NULL"): [0, 0, 0, 1],
    }
    assert {row["quantile_sketch"] is None for row in found.to_pylist() if row["slice_key"]} == {True}


def test_a_column_of_another_type_is_said_to_be_so_and_its_rows_count_as_null():
    table = pa.table({"at": [START] * 2, "distance": ["far", "near"], "origin": [1, 2]})
    number, category = profile(table, DISTANCE, ORIGIN).to_pylist()
    assert (number["status"], number["bins"], number["distinct_sketch"]) == ("CHANGED_TYPE", [0, 0, 0, 2], None)
    assert (category["status"], category["bins"]) == ("CHANGED_TYPE", [0, 0, 0, 2])


def test_instants_count_in_seconds_as_the_model_is_given_them():
    at = [START, START + timedelta(seconds=30, microseconds=500_000), None]
    seconds = START.timestamp()
    (bins,) = propose_bins(pa.table({"invoice_ts": [seconds, seconds + 60]}), ["invoice_ts"], 10)
    table = pa.table({"at": [START] * 3, "invoice_ts": pa.array(at, pa.timestamp("us", "UTC"))})
    as_instants, as_seconds = (
        profile(each, bins).select(EXACT).to_pylist()
        for each in (table, table.set_column(1, "invoice_ts", pa.array([seconds, seconds + 30.5, None])))
    )
    assert as_instants == as_seconds
    (row,) = as_instants
    assert (row["status"], row["bins"], row["max"]) == ("OK", [0, 1, 1, 0, 1], seconds + 30.5)
    local = table.set_column(1, "invoice_ts", pa.array([None, None, START.replace(tzinfo=None)], pa.timestamp("us")))
    assert profile(local, bins)["status"].to_pylist() == ["CHANGED_TYPE"]  # no instant: nobody knows of which zone


def test_an_absent_column_has_no_rows_and_no_rows_have_no_profile():
    assert profile(rows_at(1.0), ORIGIN).num_rows == 0
    assert profile(rows_at(1.0).slice(0, 0), DISTANCE).num_rows == 0


def test_rows_without_an_instant_are_refused():
    with pytest.raises(DistributionError, match="absent"):
        DailyProfiler(ProfilePlan((DISTANCE,), "UTC", "when")).add(rows_at(1.0))
    with pytest.raises(DistributionError, match="1 rows without an instant"):
        profile(pa.table({"at": pa.array([None], pa.timestamp("us", "UTC")), "distance": [1.0]}), DISTANCE)


VALUES = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.0, 100.0, 500.0, float("nan"), float("inf")]))
ROWS = st.lists(st.tuples(st.integers(0, 96), VALUES, st.sampled_from(["EWR", "JFK", "LGA", None])), max_size=60)


def as_table(rows: list[tuple[int, float | None, str | None]]) -> pa.Table:
    return pa.table(
        {
            "at": pa.array([START + timedelta(hours=hours) for hours, _, _ in rows], pa.timestamp("us", "UTC")),
            "distance": pa.array([value for _, value, _ in rows], pa.float64()),
            "origin": pa.array([origin for _, _, origin in rows], pa.string()),
        }
    )


def nearly(found: pa.Table) -> list[dict]:
    return [
        {
            **row,
            "sum_squares": pytest.approx(row["sum_squares"], rel=1e-12, abs=1e-6),
            "bin_sums": row["bin_sums"] and pytest.approx(row["bin_sums"], rel=1e-12, abs=1e-6),
        }
        for row in found.select(EXACT).to_pylist()
    ]


@settings(deadline=None, max_examples=60)
@given(ROWS, st.integers(1, 20), st.integers(0, 60), st.booleans())
@example([*[(0, None, "EWR")] * 5, (0, 92682.0, "EWR"), *[(0, 1.344602603232488, "EWR")] * 2], 1, 6, False)
def test_however_rows_are_parted_the_merge_is_one_pass(rows, batch, cut, is_hourly):
    table = as_table(rows)
    plan = {"slicings": (Slicing("origin", ORIGIN),), "is_hourly": is_hourly, "zone": "America/New_York"}
    once = profile(table, DISTANCE, ORIGIN, **plan)
    parts = [profile(each, DISTANCE, ORIGIN, batch=batch, **plan) for each in (table.slice(0, cut), table.slice(cut))]
    merged = merge_profiles(pa.concat_tables(parts)).select(EXACT).to_pylist()
    assert merged == nearly(merge_profiles(once))


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_the_counts_are_those_of_the_frozen_bins(rows):
    table = as_table(rows)
    days = table.append_column("day", pa.array([each.date() for each in table["at"].to_pylist()], pa.date32()))
    expected = sum_counts(count_bins(days, [DISTANCE, ORIGIN], "day")).to_pylist()
    found = sum_counts(to_counts(profile(table, DISTANCE, ORIGIN))).to_pylist()
    assert [{**row, "total": pytest.approx(row["total"])} for row in expected] == found


def test_sketches_of_days_draw_the_quantiles_of_the_whole():
    rng = np.random.default_rng(7)
    values = rng.lognormal(size=20_000)
    at = [START + timedelta(days=int(day)) for day in rng.integers(0, 7, 20_000)]
    daily = profile(pa.table({"at": at, "distance": values}), DISTANCE, batch=1500)
    (row,) = merge_profiles(daily, WHOLE).to_pylist()
    told = describe_profile(row)
    ranks = [(values <= quantile).mean() for quantile in told["quantiles"]]
    assert np.abs(np.array(ranks) - np.linspace(0, 1, 21)).max() < 0.01
    assert told["distinct_count"] == pytest.approx(20_000, rel=0.1)
    assert told["median"] == pytest.approx(np.median(values), rel=0.03)


def test_sketches_are_left_out_where_they_are_not_asked_for():
    (row,) = profile(rows_at(1.0), DISTANCE, sketches=False).to_pylist()
    assert (row["quantile_sketch"], row["distinct_sketch"]) == (None, None)
    assert describe_profile(row)["median"] is None


def test_of_a_private_column_no_single_value_is_kept():
    table = pa.table({"at": [START] * 2, "distance": [7.0, 9.0], "origin": ["JFK", "a name"]})
    number, category = profile(table, DISTANCE, ORIGIN, private=frozenset({"distance", "origin"})).to_pylist()
    assert (number["min"], number["max"], number["quantile_sketch"], number["distinct_sketch"]) == (None,) * 4
    assert (category["quantile_sketch"], category["distinct_sketch"]) == (None, None)
    assert (number["bins"], category["bins"]) == ([2, 0, 0, 0], [0, 1, 1, 0])
