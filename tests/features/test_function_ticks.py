"""Python feature tables, entity by entity: without Spark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from lakeloop.config.feature_table import FeatureTable
from lakeloop.features.function_ticks import answer_ticks

HOUR = 3_600_000_000
TABLE = FeatureTable.model_validate(
    {
        "feature_table": "pace",
        "entity": ["shop"],
        "from": "orders",
        "every": "1 hour",
        "needs": "2 hours",
        "python": "my_module.pace",
        "features": {"n": {"type": "long"}, "last": {"type": "double"}},
    }
)
EVENTS = [(10 * HOUR, 1.0), (10 * HOUR + 1, 2.0), (11 * HOUR - 1, 3.0), (13 * HOUR, None)]
LOG = [(10, 1, 1.0), (11, 3, 3.0), (12, 2, 3.0), (13, 1, None), (15, None, None)]


def count_and_last(rows: pd.DataFrame) -> dict[str, Any]:
    assert str(rows["available_ts"].dtype) == "datetime64[ns, UTC]"
    assert list(rows.index) == list(range(len(rows)))
    return {"n": len(rows), "last": rows["delay"].iloc[-1]}


def answers(
    events: Sequence[tuple[int, float | None]],
    since: int | None,
    until: int,
    function: Callable[[pd.DataFrame], Any] = count_and_last,
) -> list[tuple[int, Any, Any]]:
    rows = pd.DataFrame(
        [{"shop": "A", "event_ts": at, "available_ts": at, "delay": delay} for at, delay in reversed(events)]
    )
    made = answer_ticks(rows, TABLE, function, ["event_ts", "available_ts"], since, until)
    assert list(made.columns) == ["shop", "_tick_us", "n", "last"]
    return [(tick // HOUR, n, last) for _, tick, n, last in made.itertuples(index=False)]


def test_the_function_sees_what_became_available_in_the_window_of_each_tick() -> None:
    # The event of 10:00 sharp counts at 10:00 and no more at 12:00; after the last one left there are nulls.
    assert answers(EVENTS, None, 20 * HOUR) == LOG


def test_several_builds_equal_one() -> None:
    parts = [answers(EVENTS, since, until) for since, until in ((None, 11 * HOUR), (11 * HOUR, 13 * HOUR))]
    assert [*parts[0], *parts[1], *answers(EVENTS, 13 * HOUR, 20 * HOUR)] == LOG


def test_a_future_row_changes_nothing() -> None:
    later = [*EVENTS, (12 * HOUR + 1, 99.0)]
    assert answers(later, None, 12 * HOUR) == [row for row in LOG if row[0] <= 12]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda rows: {"n": 1 / 0, "last": 0.0}, "ZeroDivisionError in line"),
        (lambda rows: {"n": int("secret 4711"), "last": 0.0}, "ValueError in line"),
        (lambda rows: {"n": 1}, "no dict of exactly n, last"),
        (lambda rows: 5, "no dict of exactly n, last"),
        (lambda rows: {"n": 1.5, "last": 0.0}, "a value of n that is no long, but float"),
        (lambda rows: {"n": 2**70, "last": 0.0}, "a value of n beyond the range of a long"),
        (lambda rows: {"n": 2.0**63, "last": 0.0}, "a value of n beyond the range of a long"),
        (lambda rows: {"n": 1, "last": 10**400}, "a value of last beyond the range of a double"),
        (lambda rows: {"n": 1, "last": "secret 4711"}, "a value of last that is no double, but str"),
    ],
)
def test_a_failure_is_told_without_a_value(function: Callable[[pd.DataFrame], Any], told: str) -> None:
    with pytest.raises(RuntimeError) as raised:
        answers(EVENTS, None, 20 * HOUR, function)
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.__context__ is None or raised.value.__suppress_context__


@pytest.mark.parametrize("bound", [2**63 - 1, -(2**63)])
def test_the_greatest_and_the_least_long_are_taken(bound: int) -> None:
    found = answers(EVENTS[:1], None, 10 * HOUR, lambda rows: {"n": bound, "last": None})
    assert found == [(10, bound, None)]
