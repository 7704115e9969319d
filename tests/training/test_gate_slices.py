"""What the gate asks of every slice, and what it says of slices that cannot be judged."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from lakeloop.config.metric import Task
from lakeloop.errors import DistributionError
from lakeloop.statuses import GateStatus
from lakeloop.training.gate import GateReport, HoldoutScores, judge
from tests.training.holdouts import DAYS, check_named, declare_gate, make_holdout

ORIGINS = np.array(["EWR", "EWR", "JFK", "JFK"] * 20, dtype=object)
FOUR_A_DAY = {
    "y": np.tile([1.0, 0.0], 40),
    "baseline": np.full(80, 0.5),
    "days": np.repeat(DAYS, 4),
}


def scores(ewr: float, jfk: float) -> np.ndarray:
    """Score rows so that the Brier score is (1 - p)^2, p by origin."""
    p = np.where(ORIGINS == "EWR", ewr, jfk)
    return np.where(FOUR_A_DAY["y"] == 1, p, 1 - p)


def judge_origins(rule: dict[str, Any], holdout: HoldoutScores | None = None, **more: Any) -> GateReport:
    gate = declare_gate(slices={"origin": {"min_rows": 10, **rule}}, against=["champion"])
    found = holdout or HoldoutScores(
        **FOUR_A_DAY, challenger=scores(0.7, 0.58), champion=scores(0.6, 0.6), slices={"origin": ORIGINS}
    )
    return judge(gate, Task.CLASSIFICATION, found, **{"has_champion": True} | more)


@pytest.mark.parametrize(("margin", "status"), [(0.0165, GateStatus.PASS), (0.0163, GateStatus.FAIL)])
def test_a_slice_may_be_worse_by_less_than_its_margin(margin: float, status: GateStatus) -> None:
    report = judge_origins({"non_inferior_by": margin})
    jfk = check_named(report, "slice_origin_no_worse[JFK]")  # 0.42^2 - 0.4^2 = 0.0164 every day
    assert (jfk.value, jfk.bound, jfk.status) == (pytest.approx(0.0164), margin, status)
    assert (jfk.lower, jfk.upper) == (pytest.approx(0.0164), pytest.approx(0.0164))
    assert check_named(report, "slice_origin_no_worse[EWR]").status is GateStatus.PASS
    assert report.passed is (status is GateStatus.PASS)  # better on the whole, which does not make up for it


def test_a_slice_needs_its_upper_end_below_the_margin() -> None:
    swing = np.where(np.arange(20) % 2 == 0, 0.8, 0.4)[np.repeat(np.arange(20), 4)]  # losses .04 and .36 by day
    challenger = np.where(FOUR_A_DAY["y"] == 1, swing, 1 - swing)
    holdout = HoldoutScores(**FOUR_A_DAY, challenger=challenger, champion=scores(0.5, 0.5), slices={"origin": ORIGINS})
    report = judge_origins({"non_inferior_by": 0.01}, holdout)
    found = check_named(report, "slice_origin_no_worse[JFK]")
    assert found.value == pytest.approx(-0.05)
    assert found.upper > 0.01
    assert found.status is GateStatus.FAIL


def test_a_floor_holds_for_every_slice() -> None:
    report = judge_origins({"absolute": {"brier": {"max": 0.17}}})
    assert [(c.name, c.status, c.value) for c in report.checks if c.name.startswith("slice_")] == [
        ("slice_origin_brier[EWR]", GateStatus.PASS, pytest.approx(0.09)),
        ("slice_origin_brier[JFK]", GateStatus.FAIL, pytest.approx(0.1764)),
    ]
    assert not report.passed
    assert (
        check_named(report, "slice_origin_brier[JFK]").detail == "brier 0.1764, at most 0.17 allowed (20 days, 40 rows)"
    )


def test_a_rare_value_is_not_judged_and_named() -> None:
    rare = np.where(np.arange(80) < 3, "SWF", ORIGINS)
    holdout = HoldoutScores(
        **FOUR_A_DAY, challenger=scores(0.7, 0.7), champion=scores(0.6, 0.6), slices={"origin": rare}
    )
    report = judge_origins({"non_inferior_by": 0.01}, holdout)
    left = check_named(report, "slice_origin_no_worse")
    assert (left.status, left.value) == (GateStatus.NOT_APPLICABLE, 1.0)
    assert left.detail == "not judged, needed are 10 on 10 days: SWF (3 rows)"
    assert report.passed


@pytest.mark.parametrize("value", ["SWF", "LGA"])
def test_a_declared_value_that_is_rare_or_absent_is_insufficient(value: str) -> None:
    rare = np.where(np.arange(80) < 3, "SWF", ORIGINS)
    holdout = HoldoutScores(
        **FOUR_A_DAY, challenger=scores(0.7, 0.7), champion=scores(0.6, 0.6), slices={"origin": rare}
    )
    rule = {"values": [value], "absolute": {"brier": {"max": 0.5}}, "non_inferior_by": 0.01}
    report = judge_origins(rule, holdout)
    for question in ("brier", "no_worse"):
        found = check_named(report, f"slice_origin_{question}[{value}]")
        assert found.status is GateStatus.INSUFFICIENT
        assert found.detail.endswith("needed are 10 on 10")
    assert not report.passed


def test_many_rows_of_few_days_are_not_judged() -> None:
    first_days = np.where(np.repeat(np.arange(20), 4) < 9, "EWR", "JFK")  # 36 rows on 9 days, 44 on 11
    holdout = HoldoutScores(
        **FOUR_A_DAY, challenger=scores(0.7, 0.7), champion=scores(0.6, 0.6), slices={"origin": first_days}
    )
    report = judge_origins({"non_inferior_by": 0.01}, holdout)
    assert check_named(report, "slice_origin_no_worse").detail.endswith("EWR (36 rows)")
    assert check_named(report, "slice_origin_no_worse[JFK]").status is GateStatus.PASS
    fewer = judge_origins({"non_inferior_by": 0.01, "min_blocks": 9}, holdout)
    assert check_named(fewer, "slice_origin_no_worse[EWR]").status is GateStatus.PASS


@pytest.mark.parametrize("rule", [{"non_inferior_by": 0.01}, {"absolute": {"brier": {"max": 1}}}])
def test_a_question_that_no_value_can_answer_is_insufficient(rule: dict[str, Any]) -> None:
    report = judge_origins({**rule, "min_rows": 41})
    (found,) = [check for check in report.checks if check.name.startswith("slice_")]
    assert found.status is GateStatus.INSUFFICIENT
    assert found.detail == "no value of 2 has the rows to be judged: needed are 41 on 10 days"
    assert not report.passed


def test_a_slice_without_rows_is_insufficient() -> None:
    holdout = dataclasses.replace(make_holdout(days=DAYS[:0]), slices={"origin": np.empty(0, dtype=object)})
    report = judge_origins({"non_inferior_by": 0.01}, holdout)
    assert check_named(report, "slice_origin_no_worse").status is GateStatus.INSUFFICIENT


def test_a_floor_of_a_metric_that_cannot_be_computed_is_insufficient() -> None:
    one_class = np.where(ORIGINS == "EWR", 1.0, FOUR_A_DAY["y"])
    holdout = HoldoutScores(
        **FOUR_A_DAY | {"y": one_class}, challenger=scores(0.7, 0.7), champion=None, slices={"origin": ORIGINS}
    )
    report = judge_origins({"absolute": {"roc_auc": {"min": 0.1}}}, holdout)
    assert check_named(report, "slice_origin_roc_auc[EWR]").status is GateStatus.INSUFFICIENT
    assert check_named(report, "slice_origin_roc_auc[JFK]").status is GateStatus.PASS


def test_without_a_champion_slices_are_not_compared_but_floors_hold() -> None:
    rule = {"non_inferior_by": 0.01, "absolute": {"brier": {"max": 0.1}}}
    holdout = HoldoutScores(**FOUR_A_DAY, challenger=scores(0.7, 0.58), champion=None, slices={"origin": ORIGINS})
    report = judge_origins(rule, holdout, has_champion=False)
    assert check_named(report, "slice_origin_no_worse").status is GateStatus.NOT_APPLICABLE
    assert check_named(report, "slice_origin_brier[JFK]").status is GateStatus.FAIL


def test_a_champion_that_may_not_be_compared_leaves_its_slices_insufficient() -> None:
    holdout = HoldoutScores(
        **FOUR_A_DAY, challenger=scores(0.7, 0.7), champion=np.full(80, np.nan), slices={"origin": ORIGINS}
    )
    assert check_named(judge_origins({"non_inferior_by": 0.01}, holdout), "slice_origin_no_worse").status is (
        GateStatus.INSUFFICIENT
    )


def test_values_of_a_person_s_column_are_numbered() -> None:
    rule = {"non_inferior_by": 0.01, "values": ["EWR", "LGA"]}
    report = judge_origins(rule, private={"origin"})
    names = [check.name for check in report.checks if check.name.startswith("slice_")]
    assert names == [
        "slice_origin_no_worse[value 1]",
        "slice_origin_no_worse[value 2]",
        "slice_origin_no_worse[declared value 2]",
    ]
    assert not any(value in str(report.checks) for value in ("EWR", "JFK", "LGA"))


def test_an_absent_column_is_an_error_where_something_is_asked_of_it() -> None:
    with pytest.raises(DistributionError, match=r"slices\.origin: the gate declares this slice"):
        judge_origins({"non_inferior_by": 0.01}, make_holdout())
