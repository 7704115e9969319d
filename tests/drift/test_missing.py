"""Missing values that jump are caught: by the declared statistic where none were missing, and apart from it always."""

from __future__ import annotations

import numpy as np
import pytest

from lakeloop.config.monitor import Monitor
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.verdicts import ColumnVerdict, judge_window
from lakeloop.statuses import Role, Status, Verdict
from tests.drift.factories import make_counts, make_reference

SEATS = ColumnBins("seats", "number", edges=(100.0,))
ORIGIN = ColumnBins("origin", "category", categories=("EWR", "JFK"))


def with_missing(bins: ColumnBins, percent: float, rows: int = 1000) -> list[int]:
    """A day of which so many percent are null, and the rest halved over the first two bins."""
    nulls = round(rows * percent / 100)
    half = (rows - nulls) // 2
    return [rows - nulls - half, half, *([0] * (bins.n_bins - 3)), nulls]


def judge(bins: ColumnBins, before: float, now: float, role: Role = Role.CONTRACT, **monitor) -> ColumnVerdict:
    reference = make_reference({bins.name: [with_missing(bins, before)] * 90}, [bins])
    window = make_counts({bins.name: [with_missing(bins, now)] * 7})
    (verdict,) = judge_window(reference, window, [bins.name], {bins.name: role}, Monitor(**monitor), seed=0)
    return verdict


@pytest.mark.parametrize("bins", [SEATS, ORIGIN], ids=lambda each: each.name)
@pytest.mark.parametrize(("before", "now"), [(0, 5), (5, 0), (10, 15), (40, 45), (0, 60)])
def test_five_points_are_a_jump_by_default_whatever_was_missing_before(bins, before, now):
    verdict = judge(bins, before, now)
    assert verdict.missing is not None
    assert verdict.missing.difference_points == pytest.approx(now - before)
    assert verdict.missing.jumped is True
    assert verdict.evidence["missing"] | {"resampled": None} == {
        "share": pytest.approx(now / 100),
        "reference_share": pytest.approx(before / 100),
        "difference_points": pytest.approx(now - before),
        "threshold_points": 5.0,
        "jumped": True,
        "resampled": None,
    }


@pytest.mark.parametrize("bins", [SEATS, ORIGIN], ids=lambda each: each.name)
def test_less_than_five_points_are_none(bins):
    verdict = judge(bins, 10, 14.9)
    assert verdict.missing is not None
    assert verdict.missing.jumped is False


@pytest.mark.parametrize("statistic", ["psi", "jensen_shannon"])
def test_a_quiet_number_without_missing_values_drifts_by_five_points(statistic):
    verdict = judge(SEATS, 0, 5, statistic={"number": statistic})
    assert (verdict.verdict, verdict.threshold) == (Verdict.DRIFT, 0.1)


def test_a_quiet_category_drifts_by_more_than_five_points():
    assert judge(ORIGIN, 0, 5.1).verdict is Verdict.DRIFT
    assert judge(ORIGIN, 10, 15.1).verdict is Verdict.DRIFT


@pytest.mark.parametrize(("before", "statistic"), [(10, "psi"), (0, "ks"), (0, "wasserstein")])
def test_where_a_statistic_does_not_see_the_jump_it_is_caught_apart(before, statistic):
    """PSI weighs five points by what was missing before; what leaves nulls out sees none of them."""
    verdict = judge(SEATS, before, before + 5, statistic={"number": statistic})
    assert verdict.verdict is not Verdict.DRIFT
    assert verdict.missing is not None
    assert verdict.missing.jumped is True


@pytest.mark.parametrize("role", [Role.REGIME, Role.SEASONAL])
def test_of_other_roles_the_difference_is_told_and_not_judged(role):
    missing = judge(SEATS, 10, 60, role).missing
    assert missing is not None
    assert (round(missing.difference_points, 6), missing.jumped, missing.threshold) == (50, None, None)


def test_a_reference_whose_gaps_come_and_go_has_a_threshold_of_its_own():
    rng = np.random.default_rng(3)
    days = [with_missing(SEATS, percent) for percent in np.repeat(rng.uniform(0, 30, 18), 5)]
    restless = make_reference({"seats": days}, [SEATS])
    week = make_counts({"seats": [with_missing(SEATS, 16)] * 7})
    (verdict,) = judge_window(restless, week, ["seats"], {"seats": Role.CONTRACT}, Monitor(), seed=0)
    assert verdict.missing is not None
    assert verdict.missing.threshold is not None
    assert verdict.missing.threshold.value > 0.05
    assert verdict.missing.jumped is (verdict.missing.difference_points >= 100 * verdict.missing.threshold.value)


def test_contract_columns_share_the_level():
    reference = make_reference(
        {"seats": [with_missing(SEATS, 0)] * 90, "origin": [with_missing(ORIGIN, 0)] * 90}, [SEATS, ORIGIN]
    )
    window = make_counts({"seats": [with_missing(SEATS, 0)] * 7, "origin": [with_missing(ORIGIN, 0)] * 7})
    for roles in ({"seats": Role.CONTRACT}, {"seats": Role.CONTRACT, "origin": Role.CONTRACT}):
        verdicts = judge_window(reference, window, ["seats", "origin"], roles, Monitor(), seed=0)
        assert [each.missing is not None and each.missing.jumped for each in verdicts] == [
            False,
            False if "origin" in roles else None,
        ]
        assert verdicts[0].evidence["column_level"] == 0.025  # that of the statistics is as it was


@pytest.mark.parametrize(
    ("window", "status"),
    [
        ({}, Status.EMPTY_WINDOW),
        ({"origin": [[60, 40, 0, 0]] * 7}, Status.ABSENT_COLUMN),
        ({"seats": [[0, 28, 0]] * 7}, Status.TOO_FEW_ROWS),
        ({"seats": [[0, 0, 100]] * 7}, Status.ALL_NULL),
        ({"seats": [[0, 100, 0]] * 3}, Status.TOO_FEW_BLOCKS),
    ],
)
def test_what_cannot_be_judged_is_no_jump_and_no_pass(window, status):
    reference = make_reference({"seats": [[50, 50, 0]] * 90, "origin": [[60, 40, 0, 0]] * 90}, [SEATS, ORIGIN])
    (verdict,) = judge_window(reference, make_counts(window), ["seats"], {"seats": Role.CONTRACT}, Monitor(), seed=0)
    assert (verdict.status, verdict.missing) == (status, None)


def test_a_short_reference_gives_no_threshold():
    reference = make_reference({"seats": [[50, 50, 0]] * 20}, [SEATS])
    window = make_counts({"seats": [[10, 10, 80]] * 7})
    (verdict,) = judge_window(reference, window, ["seats"], {"seats": Role.CONTRACT}, Monitor(), seed=0)
    assert verdict.status is Status.INSUFFICIENT_REFERENCE
    assert verdict.missing is not None
    assert (round(verdict.missing.difference_points, 6), verdict.missing.jumped) == (80.0, None)
