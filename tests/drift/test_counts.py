from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA, count_bins, lay_out_daily, place_numbers, sum_counts
from lakeloop.errors import DistributionError
from tests.drift.factories import make_counts

APRIL_1, APRIL_2 = date(2013, 4, 1), date(2013, 4, 2)
DISTANCE = ColumnBins("distance", "number", edges=(100.0, 500.0))
ORIGIN = ColumnBins("origin", "category", categories=("EWR", "JFK"))


def one_day(**columns: object) -> pa.Table:
    table = pa.table(columns)
    return table.append_column("day", pa.array([APRIL_1] * table.num_rows, pa.date32()))


def test_counts_and_totals_by_block_column_and_bin():
    rows = pa.table(
        {
            "day": [APRIL_1, APRIL_1, APRIL_2, APRIL_2],
            "distance": [100.0, 100.5, 501.0, None],  # an edge belongs to the bin below it
            "origin": ["JFK", "LGA", None, "EWR"],
        }
    )
    assert count_bins(rows, [DISTANCE, ORIGIN], "day").to_pylist() == [
        {"block": APRIL_1, "column": "distance", "bin": 0, "rows": 1, "total": 100.0},
        {"block": APRIL_1, "column": "distance", "bin": 1, "rows": 1, "total": 100.5},
        {"block": APRIL_2, "column": "distance", "bin": 2, "rows": 1, "total": 501.0},
        {"block": APRIL_2, "column": "distance", "bin": 3, "rows": 1, "total": 0.0},
        {"block": APRIL_1, "column": "origin", "bin": 1, "rows": 1, "total": 0.0},
        {"block": APRIL_1, "column": "origin", "bin": 2, "rows": 1, "total": 0.0},
        {"block": APRIL_2, "column": "origin", "bin": 0, "rows": 1, "total": 0.0},
        {"block": APRIL_2, "column": "origin", "bin": 3, "rows": 1, "total": 0.0},
    ]


def test_nan_is_null_and_infinities_are_values_without_a_total():
    counts = count_bins(one_day(distance=[float("nan"), float("inf"), float("-inf"), None]), [DISTANCE], "day")
    assert counts.select(["bin", "rows", "total"]).to_pydict() == {
        "bin": [0, 2, 3],
        "rows": [1, 1, 2],
        "total": [0.0, 0.0, 0.0],
    }


@pytest.mark.parametrize(
    "values",
    [
        pa.array([50, 600], pa.int16()),
        pa.array([Decimal("50.0"), Decimal("600.0")]),
        pa.array([50.0, 600.0], pa.float32()),
    ],
)
def test_every_kind_of_number_is_counted(values):
    counts = count_bins(one_day(distance=values), [DISTANCE], "day")
    assert counts.select(["bin", "total"]).to_pydict() == {"bin": [0, 2], "total": [50.0, 600.0]}


@pytest.mark.parametrize(
    "values", [pa.nulls(2), pa.array([None, None], pa.float64()), pa.array([None, None], pa.string())]
)
@pytest.mark.parametrize("bins", [DISTANCE, ORIGIN])
def test_nulls_of_any_type_fall_into_the_null_bin(values, bins):
    if pa.types.is_string(values.type) and bins is DISTANCE:
        values = values.cast(pa.float64())
    counts = count_bins(one_day(**{bins.name: values}), [bins], "day")
    assert counts.select(["bin", "rows"]).to_pylist() == [{"bin": bins.null_bin, "rows": 2}]


def test_booleans_dictionaries_and_floats_count_as_text_in_categories():
    flag = ColumnBins("x", "category", categories=("true", "1.5"))
    assert count_bins(one_day(x=[True, False]), [flag], "day").column("bin").to_pylist() == [0, 2]
    assert count_bins(one_day(x=[1.5, float("nan")]), [flag], "day").column("bin").to_pylist() == [1, 3]
    encoded = pa.array(["true", None]).dictionary_encode()
    assert count_bins(one_day(x=encoded), [flag], "day").column("bin").to_pylist() == [0, 3]


def test_an_absent_column_and_an_empty_batch_give_no_rows():
    assert count_bins(one_day(other=[1.0]), [DISTANCE], "day") == COUNTS_SCHEMA.empty_table()
    empty = pa.table({"day": pa.array([], pa.date32()), "distance": pa.array([], pa.float64())})
    assert count_bins(empty, [DISTANCE, ORIGIN], "day") == COUNTS_SCHEMA.empty_table()


def test_a_record_batch_counts_like_a_table():
    rows = one_day(distance=[1.0, 200.0, None])
    assert count_bins(rows.to_batches()[0], [DISTANCE], "day") == count_bins(rows, [DISTANCE], "day")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (pa.table({"distance": [1.0]}), "the block column is absent"),
        (pa.table({"day": ["2013-04-01"], "distance": [1.0]}), "a block is a date"),
        (pa.table({"day": [APRIL_1, None], "distance": [1.0, 1.0]}), "1 rows without a block"),
        (one_day(distance=["far"]), "binned as a number"),
    ],
)
def test_rows_that_cannot_be_counted_are_refused(rows, problem):
    with pytest.raises(DistributionError, match=problem):
        count_bins(rows, [DISTANCE], "day")


@settings(deadline=None)  # the first call loads libraries
@given(
    st.lists(st.tuples(st.sampled_from([APRIL_1, APRIL_2]), st.none() | st.integers(0, 900)), max_size=30),
    st.integers(0, 30),
)
def test_counts_of_batches_add_up_to_the_count_of_all_rows(rows, cut):
    schema = pa.schema([("day", pa.date32()), ("distance", pa.float64())])
    table = pa.Table.from_pylist([{"day": day, "distance": value} for day, value in rows], schema=schema)
    parts = [count_bins(part, [DISTANCE], "day") for part in (table[:cut], table[cut:])]
    assert sum_counts(pa.concat_tables(parts)) == sum_counts(count_bins(table, [DISTANCE], "day"))


def test_summing_nothing_gives_nothing():
    assert sum_counts(COUNTS_SCHEMA.empty_table()) == COUNTS_SCHEMA.empty_table()


def test_daily_arrays_have_a_row_per_day_and_sum_repeated_cells():
    counts = make_counts({"distance": [[1, 0, 0, 0], [0, 2, 0, 1]]}, APRIL_1)
    daily = lay_out_daily(pa.concat_tables([counts, counts]), [DISTANCE])
    assert daily.blocks == (APRIL_1, APRIL_2)
    assert daily.rows["distance"].tolist() == [[2, 0, 0, 0], [0, 4, 0, 2]]


def test_rows_of_batches_that_lacked_a_column_count_as_null():
    counts = make_counts({"distance": [[3, 0, 0, 0]], "origin": [[5, 0, 0, 0], [4, 0, 0, 0]]}, APRIL_1)
    daily = lay_out_daily(counts, [DISTANCE, ORIGIN])
    assert daily.rows["distance"].tolist() == [[3, 0, 0, 2], [0, 0, 0, 4]]


def test_daily_arrays_of_nothing_hold_nothing():
    daily = lay_out_daily(COUNTS_SCHEMA.empty_table(), [DISTANCE])
    assert (daily.blocks, dict(daily.rows)) == ((), {})


def test_a_count_outside_its_bins_is_refused():
    with pytest.raises(DistributionError, match="outside its 4 bins"):
        lay_out_daily(make_counts({"distance": [[0, 0, 0, 0, 1]]}), [DISTANCE])


def test_columns_without_bins_are_left_out_of_the_daily_arrays():
    counts = make_counts({"distance": [[1, 0, 0, 0]], "other": [[9] * 9]})
    daily = lay_out_daily(counts, [DISTANCE])
    assert np.array_equal(daily.rows["distance"], [[1, 0, 0, 0]])
    assert set(daily.rows) == {"distance"}


@pytest.mark.parametrize("edges", [0, 1, 9, 32, 33, 150])
def test_a_number_falls_into_the_bin_of_the_edges_below_it_however_many_there_are(edges: int) -> None:
    limits = np.arange(edges) * 0.5
    number = np.array([-np.inf, -1.0, -0.0, 0.0, 0.25, 0.5, 1e300, np.inf, *limits, *np.nextafter(limits, np.inf)])
    bins = ColumnBins("a", "number", edges=tuple(limits.tolist()))
    expected = [int((limits < value).sum()) for value in number]
    assert place_numbers(number, bins).tolist() == expected
    assert place_numbers(np.array([np.nan]), bins).tolist() == [edges + 1]
