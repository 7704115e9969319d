"""Law 8: but for the training read and the in-process engine, no job brings rows to the driver as the data grows."""

from __future__ import annotations

from collections import Counter

import pytest

from lakeloop.runs.context import Context
from lakeloop.runs.monitor_counts import SCORE_BINS
from lakeloop.runs.report import write_report
from lakeloop.runs.turn import run_turn
from tests.laws.driver_rows import Brought, counting
from tests.laws.small_loop import DAYS, ORDERS_A_DAY, TURNS, land, write_project
from tests.lint.collects import MARK

pytestmark = pytest.mark.loop

TRAINING_READ = "runs.training_data._read"
IN_PROCESS = frozenset(
    {
        TRAINING_READ,
        "runs.training_rows.build_in_process",
        "runs.model_inputs.add_model_inputs",
        "runs.model_inputs.add_in_process",
        "runs.daily_profiles.in_process",
    }
)
"""What asks the tables' logs for their sizes first, and leaves it to Spark when they exceed the declared budget."""
OUTCOMES = "runs.monitor_counts.count_outcomes"
GROWN = 4


def rows_by_function(brought: list[Brought]) -> Counter[str]:
    """Add up the rows each of the project's functions brought."""
    return Counter({each.by: 0 for each in brought}) + sum(
        (Counter({each.by: each.rows}) for each in brought), Counter[str]()
    )


def test_every_read_of_a_turn_is_one_that_says_why_it_is_bounded(clean_run):
    """What reached the driver came through lines that the lint rule sees; the in-process engine brought the most."""
    brought = clean_run.brought
    assert brought
    for each in brought:
        counted = each.rows <= 1 and each.method in ("first", "head")
        assert MARK in each.line or counted or each.by.startswith("expectations."), each
    rows = rows_by_function(list(brought))
    assert {by for by, _ in rows.most_common(3)} <= IN_PROCESS


@pytest.mark.slow
def test_a_turn_of_four_times_the_rows_brings_as_many_to_the_driver(spark, tmp_path):
    found = []
    for name, orders_a_day in (("one", 4 * ORDERS_A_DAY), ("four", GROWN * 4 * ORDERS_A_DAY)):
        config = write_project(tmp_path / name)
        land(config, TURNS[0], orders_a_day=orders_a_day)
        run_turn(Context(config, TURNS[0]), ["late"])
        land(config, TURNS[1], after=TURNS[0], orders_a_day=orders_a_day)
        with counting() as brought:
            run_turn(Context(config, TURNS[1]), ["late"])
            write_report(Context(config, TURNS[1]))
        found.append(rows_by_function(brought))
    once, grown = found
    assert grown.keys() == once.keys()
    assert grown[TRAINING_READ] > 3 * once[TRAINING_READ]
    # Cells of days, score bins and labels: there are so many at most, however many rows.
    assert grown[OUTCOMES] <= DAYS * SCORE_BINS * 2
    others = {by: (rows, grown[by]) for by, rows in once.items() if by not in IN_PROCESS | {OUTCOMES}}
    growing = {by: rows for by, rows in others.items() if rows[1] > 1.5 * rows[0] + 10}
    assert growing == {}
