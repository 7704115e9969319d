from __future__ import annotations

from typing import Any

from lakeloop.reporting.drift import tabulate
from lakeloop.reporting.severity import say_severity, severity_of, severity_word
from tests.reporting.recordings import JUNE, MAY, drift


def test_columns_that_drifted_are_ordered_by_severity() -> None:
    rows = [
        drift("a_strange_one", JUNE, "DRIFT", statistic=12.5),
        drift("b_small", JUNE, "DRIFT", statistic=0.25),
        drift("b_small", MAY, "DRIFT", statistic=0.25),
        drift("c_great", JUNE, "DRIFT", statistic=0.25),
        drift("d_stable", JUNE),
    ]
    table = tabulate(rows, features=True, importances={"b_small": 0.125, "c_great": 0.75, "d_stable": 0.125})
    assert [(row.column, severity_of(row)) for row in table.rows] == [
        ("c_great", 1.5),
        ("b_small", 0.25),
        ("a_strange_one", None),
        ("d_stable", 0.02),
    ]
    assert say_severity(table) == (
        "Gravest is c_great: its share of the model's importance is 75.0%, and it lies at 2.0 times its threshold. "
        "The columns that drifted have 87.5% in all; they are ordered by severity."
    )


def test_what_was_recorded_orders_by_its_word_first() -> None:
    """A contract column that drifted is high, however little the model goes by it; a multiple counts as 5 at most."""

    def weighed(column: str, word: str, score: float, **changes: Any) -> dict[str, Any]:
        return drift(column, JUNE, "DRIFT", severity=word, severity_score=score, **changes)

    rows = [
        weighed("a_regime", "high", 0.5, statistic=12.5),
        weighed("b_contract", "high", 0.01, role="contract"),
        weighed("c_medium", "medium", 0.19),
    ]
    table = tabulate(rows, features=True, importances={"a_regime": 0.1, "b_contract": 0.005, "c_medium": 0.1})
    assert [(row.column, severity_word(row), severity_of(row)) for row in table.rows] == [
        ("a_regime", "high ", 0.5),
        ("b_contract", "high ", 0.01),
        ("c_medium", "medium ", 0.19),
    ]
    assert say_severity(table).startswith("Gravest is a_regime: its share of the model's importance is 10.0%")


def test_without_importances_how_often_it_drifted_orders() -> None:
    rows = [drift("b", JUNE, "DRIFT"), drift("b", MAY, "DRIFT"), drift("a", JUNE, "DRIFT")]
    table = tabulate(rows, features=True)
    assert [row.column for row in table.rows] == ["b", "a"]
    assert say_severity(table) == (
        "How much the model leans on these columns is not known: its importances could not be read."
    )


def test_where_nothing_drifted_nothing_is_said() -> None:
    unknown = drift("b", JUNE, "UNKNOWN", status="ALL_NULL", statistic=None, threshold=None)
    assert say_severity(tabulate([drift("a", JUNE), unknown], features=True, importances={"a": 1.0})) == ""
