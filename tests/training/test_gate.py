from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from lakeloop.config.metric import Metric, Task
from lakeloop.errors import DistributionError
from lakeloop.statuses import GateStatus
from lakeloop.training.gate import (
    MAX_SLICE_VALUES,
    HoldoutScores,
    SliceMetric,
    judge,
)
from tests.training.holdouts import DAYS, SOUND, check_named, declare_gate, make_holdout

NAN = float("nan")


def test_a_better_challenger_passes_and_the_evidence_is_in_the_report() -> None:
    report = judge(declare_gate(), Task.CLASSIFICATION, make_holdout(), has_champion=True)
    assert report.passed
    assert report.reasons == ()
    assert [(c.name, c.status) for c in report.checks] == [
        ("beats_baseline", GateStatus.PASS),
        ("no_worse_than_champion", GateStatus.PASS),
    ]
    champion = check_named(report, "no_worse_than_champion")
    assert champion.value == pytest.approx(0.16 - 0.2025)
    assert (champion.lower, champion.upper) == (pytest.approx(champion.value), pytest.approx(champion.value))
    assert champion.bound == 0.005
    assert (report.rows, report.days, report.comparable_rows, report.comparable_days) == (40, 20, 40, 20)
    assert report.challenger[Metric.BRIER] == pytest.approx(0.16)
    assert report.baseline[Metric.BRIER] == pytest.approx(0.25)
    assert report.champion[Metric.BRIER] == pytest.approx(0.2025)


@pytest.mark.parametrize(
    ("challenger", "champion", "status"),
    [
        (0.6, 0.6, GateStatus.PASS),  # equal: no worse
        (0.6, 0.601, GateStatus.FAIL),  # worse by point estimate, though within the margin
        (0.6, 0.7, GateStatus.FAIL),
    ],
)
def test_no_worse_than_champion_needs_the_point_estimate(challenger: float, champion: float, status) -> None:
    report = judge(declare_gate(), Task.CLASSIFICATION, make_holdout(challenger, champion), has_champion=True)
    assert check_named(report, "no_worse_than_champion").status is status
    assert report.passed is (status is GateStatus.PASS)


def test_no_worse_than_champion_needs_the_upper_end_too() -> None:
    holdout = make_holdout(champion=0.55)  # loss .2025 every day
    swing = np.where(np.repeat(np.arange(20) % 2, 2) == 0, 0.8, 0.4)  # losses .04 and .36, day by day
    swinging = dataclasses.replace(holdout, challenger=np.where(holdout.y == 1, swing, 1 - swing))
    report = judge(declare_gate(), Task.CLASSIFICATION, swinging, has_champion=True)
    found = check_named(report, "no_worse_than_champion")
    assert found.value == pytest.approx(-0.0025)
    assert found.upper > 0.005
    assert found.status is GateStatus.FAIL


@pytest.mark.parametrize(
    ("challenger", "status"), [(0.51, GateStatus.PASS), (0.5, GateStatus.FAIL), (0.4, GateStatus.FAIL)]
)
def test_beats_baseline_means_the_whole_interval_below_zero(challenger: float, status: GateStatus) -> None:
    report = judge(declare_gate(), Task.CLASSIFICATION, make_holdout(challenger, None), has_champion=False)
    assert check_named(report, "beats_baseline").status is status
    assert check_named(report, "no_worse_than_champion").status is GateStatus.NOT_APPLICABLE
    assert report.passed is (status is GateStatus.PASS)


def test_only_what_the_gate_declares_is_compared() -> None:
    report = judge(declare_gate(against=["champion"]), Task.CLASSIFICATION, make_holdout(), has_champion=True)
    assert [check.name for check in report.checks] == ["no_worse_than_champion"]
    for facts in (None, SOUND):  # that an artifact loads says nothing of how it answers
        nothing = judge(declare_gate(against=[]), Task.CLASSIFICATION, make_holdout(), has_champion=True, facts=facts)
        assert (nothing.checks, nothing.passed, nothing.reasons) == ((), False, ("no check was made",))


@pytest.mark.parametrize(
    ("comparable_days", "status"), [(10, GateStatus.PASS), (9, GateStatus.INSUFFICIENT), (0, GateStatus.INSUFFICIENT)]
)
def test_too_few_comparable_days_are_never_a_pass(comparable_days: int, status: GateStatus) -> None:
    holdout = make_holdout()
    assert holdout.champion is not None
    learned = np.repeat(np.arange(20) < 20 - comparable_days, 2)
    seen = dataclasses.replace(holdout, champion=np.where(learned, np.nan, holdout.champion))
    report = judge(declare_gate(min_blocks=10), Task.CLASSIFICATION, seen, has_champion=True)
    assert check_named(report, "no_worse_than_champion").status is status
    assert check_named(report, "beats_baseline").status is GateStatus.PASS
    assert (report.comparable_days, report.comparable_rows) == (comparable_days, 2 * comparable_days)
    assert report.passed is (status is GateStatus.PASS)
    if status is GateStatus.INSUFFICIENT:
        assert report.reasons == (f"no_worse_than_champion INSUFFICIENT: {comparable_days} comparable days, 10 needed",)


def test_a_champion_without_scores_is_insufficient_not_absent() -> None:
    report = judge(declare_gate(), Task.CLASSIFICATION, make_holdout(champion=None), has_champion=True)
    assert check_named(report, "no_worse_than_champion").status is GateStatus.INSUFFICIENT
    assert not report.passed


def test_champion_and_challenger_are_compared_on_the_same_rows() -> None:
    holdout = make_holdout(challenger=0.6, champion=0.55)
    early = np.repeat(np.arange(20) < 8, 2)
    learned = dataclasses.replace(
        holdout,
        challenger=np.where(early, 0.5, holdout.challenger),  # poor where the champion may not be compared
        champion=np.where(early, np.nan, holdout.champion),
    )
    report = judge(declare_gate(), Task.CLASSIFICATION, learned, has_champion=True)
    assert check_named(report, "no_worse_than_champion").value == pytest.approx(0.16 - 0.2025)
    assert report.challenger[Metric.BRIER] == pytest.approx((16 * 0.25 + 24 * 0.16) / 40)
    assert report.challenger_on_comparable[Metric.BRIER] == pytest.approx(0.16)


@pytest.mark.parametrize(
    ("bounds", "status", "bound"),
    [
        ({"min": 0.9}, GateStatus.PASS, 0.9),
        ({"min": 1.0}, GateStatus.PASS, 1.0),  # bounds are included; the ranking of these scores is perfect
        ({"max": 0.99}, GateStatus.FAIL, 0.99),
        ({"min": 0.1, "max": 0.5}, GateStatus.FAIL, 0.5),
        ({"min": 1.1, "max": 1.2}, GateStatus.FAIL, 1.1),
    ],
)
def test_absolute_bounds_are_included(bounds, status: GateStatus, bound: float) -> None:
    gate = declare_gate(absolute={"roc_auc": bounds})
    found = check_named(judge(gate, Task.CLASSIFICATION, make_holdout(), has_champion=True), "absolute_roc_auc")
    assert (found.status, found.value, found.bound) == (status, 1.0, bound)


@pytest.mark.parametrize(
    ("metric", "limit", "status"),
    [
        ("roc_auc", 0.8, GateStatus.WARN),
        ("roc_auc", 1.0, GateStatus.PASS),
        ("brier", 0.2, GateStatus.WARN),  # of a loss, less is too good
        ("brier", 0.1, GateStatus.PASS),
    ],
)
def test_too_good_warns_and_does_not_block(metric: str, limit: float, status: GateStatus) -> None:
    gate = declare_gate(too_good={metric: limit})
    report = judge(gate, Task.CLASSIFICATION, make_holdout(), has_champion=True)
    found = check_named(report, f"too_good_{metric}")
    assert (found.status, found.bound) == (status, limit)
    assert ("look for a leak" in found.detail) is (status is GateStatus.WARN)
    assert report.passed


def test_a_metric_that_cannot_be_computed_is_insufficient() -> None:
    gate = declare_gate(absolute={"roc_auc": {"min": 0.1}}, too_good={"average_precision": 0.9})
    holdout = dataclasses.replace(make_holdout(), y=np.ones(40), challenger=np.full(40, 0.9))
    report = judge(gate, Task.CLASSIFICATION, holdout, has_champion=True)
    assert check_named(report, "absolute_roc_auc").status is GateStatus.INSUFFICIENT
    assert check_named(report, "too_good_average_precision").status is GateStatus.INSUFFICIENT
    assert not report.passed
    assert len(report.reasons) == 2


def test_a_holdout_without_rows_is_insufficient() -> None:
    holdout = make_holdout(days=DAYS[:0])
    gate = declare_gate(absolute={"brier": {"max": 1.0}}, slices=["origin"])
    report = judge(gate, Task.CLASSIFICATION, dataclasses.replace(holdout, slices={"origin": np.empty(0)}), True)
    assert {check.status for check in report.checks} == {GateStatus.INSUFFICIENT}
    assert (report.rows, report.days, report.slices) == (0, 0, ())


def test_a_regression_is_judged_by_its_absolute_error() -> None:
    y = np.tile([10.0, 20.0], 20)
    holdout = HoldoutScores(y, y + 1, np.full(40, 15.0), np.repeat(DAYS, 2), y - 2, {})
    gate = declare_gate(metric="mean_absolute_error", non_inferior_by=0.5, absolute={"r2": {"min": 0.9}})
    report = judge(gate, Task.REGRESSION, holdout, has_champion=True)
    assert [(check.name, check.value) for check in report.checks] == [
        ("absolute_r2", pytest.approx(1 - 40 / 1000)),
        ("beats_baseline", -4.0),
        ("no_worse_than_champion", -1.0),
    ]
    assert report.passed


def test_slices_show_both_models_on_their_rows() -> None:
    origins = np.array(["EWR", None] * 10 + ["JFK", "JFK"] * 10, dtype=object)
    holdout = make_holdout(slices={"origin": origins})
    assert holdout.champion is not None
    learned = dataclasses.replace(holdout, champion=np.where(origins == "JFK", np.nan, holdout.champion))
    report = judge(declare_gate(slices=["origin"]), Task.CLASSIFICATION, learned, has_champion=True)
    approx = pytest.approx
    assert report.slices == (
        SliceMetric("origin", "JFK", 20, approx(0.16), approx(NAN, nan_ok=True), 0, approx(NAN, nan_ok=True)),
        SliceMetric("origin", "(null)", 10, approx(0.16), approx(0.2025), 10, approx(0.16)),
        SliceMetric("origin", "EWR", 10, approx(0.16), approx(0.2025), 10, approx(0.16)),
    )


def test_slices_beyond_the_most_frequent_are_one_row() -> None:
    values = np.array([f"v{index}" for index in range(MAX_SLICE_VALUES + 20)] * 2)
    days = np.repeat(DAYS, 12)
    y = np.tile([1.0, 0.0], 120)
    holdout = HoldoutScores(y, y * 0.5 + 0.25, np.full(240, 0.5), days, None, {"tail": values})
    slices = judge(declare_gate(slices=["tail"]), Task.CLASSIFICATION, holdout, has_champion=False).slices
    assert len(slices) == MAX_SLICE_VALUES + 1
    assert (slices[-1].value, slices[-1].rows, sum(s.rows for s in slices)) == ("(other)", 40, 240)


def test_a_declared_slice_that_is_absent_is_an_error() -> None:
    with pytest.raises(DistributionError, match=r"slices\.origin: the gate declares this slice"):
        judge(declare_gate(slices=["origin"]), Task.CLASSIFICATION, make_holdout(), has_champion=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"challenger": np.full(39, 0.5)}, "challenger: shape"),
        ({"slices": {"origin": np.array(["EWR"])}}, r"slices\.origin: shape"),
        ({"days": np.full(40, np.datetime64("NaT"), dtype="datetime64[D]")}, "days: a row has no day"),
        ({"champion": np.full(40, np.inf)}, "champion: a score is infinite"),
    ],
)
def test_holdout_scores_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DistributionError, match=message):
        dataclasses.replace(make_holdout(), **changes)


def test_a_missing_score_of_the_challenger_is_an_error() -> None:
    holdout = make_holdout()
    broken = dataclasses.replace(holdout, challenger=np.where(np.arange(40) == 3, np.nan, holdout.challenger))
    with pytest.raises(DistributionError, match="score: 1 of 40 values are missing"):
        judge(declare_gate(), Task.CLASSIFICATION, broken, has_champion=True)


def test_the_report_is_safe_for_json() -> None:
    holdout = make_holdout(champion=None, slices={"origin": np.tile(["EWR", "JFK"], 20)})
    gate = declare_gate(slices=["origin"], absolute={"roc_auc": {"min": 0.5}})
    report = judge(gate, Task.CLASSIFICATION, holdout, has_champion=False)
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["passed"] is True
    assert plain["reasons"] == []
    assert plain["metric"] == "brier"
    assert plain["checks"][2] == {
        "name": "no_worse_than_champion",
        "status": "NOT_APPLICABLE",
        "value": None,
        "bound": 0.005,
        "detail": "there is no champion",
        "lower": None,
        "upper": None,
        "blocking": False,
        "acknowledged": False,
    }
    assert plain["unacknowledged"] == []
    assert plain["challenger"]["roc_auc"] == 1.0
    assert plain["champion"] == {}
    assert plain["slices"][0]["champion"] is None


def test_the_same_rows_and_seed_give_the_same_report_in_any_order_of_rows() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.3).astype(float)
    days = np.repeat(DAYS, 20)
    holdout = HoldoutScores(y, rng.random(400), np.full(400, 0.3), days, rng.random(400), {})
    order = rng.permutation(400)
    assert holdout.champion is not None
    shuffled = HoldoutScores(
        y[order], holdout.challenger[order], holdout.baseline[order], days[order], holdout.champion[order], {}
    )
    first, again, mixed = (
        judge(declare_gate(), Task.CLASSIFICATION, scores, has_champion=True) for scores in (holdout, holdout, shuffled)
    )
    assert first == again
    for one, other in zip(first.checks, mixed.checks, strict=True):
        assert (one.value, one.lower, one.upper) == pytest.approx((other.value, other.lower, other.upper))
