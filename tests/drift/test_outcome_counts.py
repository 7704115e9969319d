"""Counts of outcomes: exact, however the rows are parted, and the slices beside them."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.label_counts import DELAY_QUANTILES
from lakeloop.drift.outcome_counts import PARTS_SCHEMA, SCORED_SCHEMA, OutcomeCounter, merge_parts, tell_apart
from lakeloop.drift.sketches import QuantileSketch
from lakeloop.drift.slice_performance import measure_slice_performance
from lakeloop.drift.slicing import Slicing
from lakeloop.statuses import Status

DAY = date(2013, 4, 1)
ORIGIN = Slicing("origin", ColumnBins("origin", "category", categories=("EWR", "JFK")))


def scored(day: int = 0, score: float = 0.2, label: float | None = 0.0, status: str = "MATURED", **changes):
    is_known = status == "MATURED"
    return {
        "_block": DAY + timedelta(days=day),
        "_label_status": status,
        "_score_bin": int(score * 200),
        "_score": score,
        "_label": label if is_known else None,
        "_loss": 0.25 if is_known else None,
        "_baseline_loss": 0.5 if is_known else None,
        "_squared_error": (score - label) ** 2 if is_known else None,
        "_conflict": 0,
        "_never": 0,
        "_delay_seconds": 3600.0 if is_known else None,
        "origin": "EWR",
        **changes,
    }


def table(rows) -> pa.Table:
    schema = pa.schema([*SCORED_SCHEMA, pa.field("origin", pa.string())])
    return pa.Table.from_pylist(rows, schema=schema)


def count(rows, *, cut: int = 0, **how) -> pa.Table:
    parts = []
    for each in (table(rows).slice(0, cut), table(rows).slice(cut)):
        counter = OutcomeCounter((ORIGIN,), **how)
        counter.add(each)
        parts += counter.parts().to_batches()
    return merge_parts(parts)


def test_scores_are_counted_by_day_status_and_label_and_slices_of_what_is_known():
    rows = [
        scored(),
        scored(label=1.0, origin="JFK"),
        scored(label=1.0, origin=None),
        scored(status="VOID", origin="JFK"),
        scored(day=1, status="PENDING", _never=1, _conflict=1),
    ]
    found = tell_apart(count(rows))
    told = {(row["label_status"], row["label"]): row for row in found.scores.to_pylist()}
    assert {key: row["rows"] for key, row in told.items()} == {
        ("MATURED", 0.0): 1,
        ("MATURED", 1.0): 2,
        ("VOID", None): 1,
        ("PENDING", None): 1,
    }
    late = told["MATURED", 1.0]
    assert (late["sum_score"], late["sum_label"], late["sum_loss"], late["score_bin"]) == (0.4, 2.0, 0.5, 40)
    assert (told["PENDING", None]["never"], told["PENDING", None]["conflicts"]) == (1, 1)
    slices = {row["slice"]: (row["rows"], row["sum_label"]) for row in found.slices.to_pylist()}
    assert slices == {0: (1, 0.0), 1: (1, 1.0), 3: (1, 1.0)}  # EWR, JFK, NULL; nothing of VOID and PENDING
    assert list(found.delays) == [DAY]
    assert QuantileSketch.merged(found.delays.values()).quantiles(DELAY_QUANTILES) == (3600.0,) * 3


def test_numbers_are_counted_over_all_labels():
    (cell,) = tell_apart(
        count([scored(label=3.5, _score_bin=0), scored(label=1.5, _score_bin=0)], by_label=False)
    ).scores.to_pylist()
    assert (cell["rows"], cell["label"], cell["sum_label"]) == (2, None, 5.0)


def test_no_rows_have_no_counts():
    counter = OutcomeCounter((ORIGIN,))
    counter.add(table([]))
    assert counter.parts() == PARTS_SCHEMA.empty_table()
    assert tell_apart(merge_parts([])).slices.num_rows == 0


ROWS = st.lists(
    st.builds(
        scored,
        day=st.integers(0, 3),
        score=st.floats(0, 1),
        label=st.sampled_from([0.0, 1.0]),
        status=st.sampled_from(["MATURED", "VOID", "PENDING"]),
        origin=st.sampled_from(["EWR", "JFK", "LGA", None]),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=50)
@given(ROWS, st.integers(0, 40))
def test_however_rows_are_parted_the_counts_add_up(rows, cut):
    def plain(found: pa.Table, *, nearly: bool) -> list:
        told = tell_apart(found)
        keys = [
            ("block", "ascending"),
            ("label_status", "ascending"),
            ("score_bin", "ascending"),
            ("label", "ascending"),
        ]
        cells = told.scores.sort_by(keys).to_pylist()
        slices = told.slices.sort_by([(name, "ascending") for name in ("block", "slicing", "slice")]).to_pylist()
        sums = ("sum_score", "sum_label", "sum_loss", "sum_baseline_loss", "sum_squared_error")
        return [
            {
                name: pytest.approx(value) if nearly and name in sums and value is not None else value
                for name, value in row.items()
            }
            for row in (*cells, *slices)
        ]

    assert plain(count(rows, cut=cut), nearly=False) == plain(count(rows), nearly=True)


def day_rows(origin: str, rate: float, days: int = 7, rows: int = 60):
    return [
        scored(day=day, score=0.3, label=float((number + day) % 10 < rate * 10), origin=origin)
        for day in range(days)
        for number in range(rows)
    ]


def worst(rows, **how):
    found = tell_apart(count(rows)).slices
    return measure_slice_performance(
        [ORIGIN], found, **{"declared": 0, "min_rows": 50, "level": 0.05, "seed": 7, **how}
    )


def test_the_worst_slice_is_the_one_whose_bias_is_surest():
    (found,) = worst([*day_rows("EWR", 0.3), *day_rows("JFK", 0.6)])
    assert (found.slice_key, found.slice_value, found.rank, found.status) == ("origin", "JFK", 1, Status.OK)
    assert found.bias == pytest.approx(-0.3)
    assert found.skill == pytest.approx(0.5)
    assert found.interval.high < 0


def test_where_the_model_is_right_everywhere_the_search_names_nothing_and_the_declared_are_told():
    rows = [*day_rows("EWR", 0.3), *day_rows("JFK", 0.3)]
    assert worst(rows) == ()
    declared = worst(rows, declared=1)
    assert [(each.slice_value, each.rank) for each in declared] == [("EWR", None), ("JFK", None)]
    assert declared[0].interval is not None


def test_what_cannot_be_measured_has_a_status():
    few, short = worst([*day_rows("EWR", 0.3, rows=5), *day_rows("JFK", 0.6, days=2)], declared=1)
    assert (few.status, few.bias, few.interval) == (Status.TOO_FEW_ROWS, None, None)
    assert (short.status, short.interval) == (Status.TOO_FEW_BLOCKS, None)
    assert short.bias == pytest.approx(-0.3)
