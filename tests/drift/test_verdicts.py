from __future__ import annotations

import json
import math
from datetime import timedelta

import numpy as np
import pytest

from lakeloop.config.monitor import Monitor
from lakeloop.decisions.flags import persistent
from lakeloop.distances.psi import population_stability_index
from lakeloop.distances.total_variation import total_variation
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA
from lakeloop.drift.verdicts import ColumnVerdict, judge_window
from lakeloop.errors import DistributionError
from lakeloop.statuses import Role, Status, Verdict
from tests.drift.factories import make_counts, make_reference, simulate_daily

SEATS = ColumnBins("seats", "number", edges=(100.0,))
ORIGIN = ColumnBins("origin", "category", categories=("EWR", "JFK"))
CALM = {"seats": [[50, 50, 0]] * 90, "origin": [[60, 40, 0, 0]] * 90}
REFERENCE = make_reference(CALM, [SEATS, ORIGIN])


def judge(window, /, columns=("seats",), roles=None, reference=REFERENCE, **monitor) -> dict[str, ColumnVerdict]:
    counts = make_counts(window) if window else COUNTS_SCHEMA.empty_table()
    verdicts = judge_window(reference, counts, columns, roles or {}, Monitor(**monitor), seed=1)
    assert [verdict.column for verdict in verdicts] == list(columns)
    return {verdict.column: verdict for verdict in verdicts}


def test_each_kind_has_its_own_statistic_least_effect_and_value():
    window = {"seats": [[20, 70, 10]] * 7, "origin": [[60, 30, 10, 0]] * 7}
    verdicts = judge(window, ("seats", "origin"))
    seats, origin = verdicts["seats"], verdicts["origin"]
    psi = population_stability_index([0.5, 0.5, 0.0], [0.2, 0.7, 0.1])
    assert (seats.statistic, seats.value, seats.threshold) == ("psi", pytest.approx(psi), 0.1)
    assert (origin.statistic, origin.value, origin.threshold) == ("total_variation", pytest.approx(0.1), 0.05)
    assert (seats.rows, seats.null_fraction, origin.null_fraction) == (700, pytest.approx(0.1), 0.0)
    assert {verdict.verdict for verdict in verdicts.values()} == {Verdict.DRIFT}


def test_an_unchanged_window_is_stable():
    verdict = judge({"seats": [[50, 50, 0]] * 7})["seats"]
    assert (verdict.status, verdict.verdict, verdict.value) == (Status.OK, Verdict.STABLE, 0.0)


def test_a_changed_constant_is_drift():
    constant = make_reference({"seats": [[0, 100, 0]] * 90}, [SEATS])
    assert judge({"seats": [[100, 0, 0]] * 7}, reference=constant)["seats"].verdict is Verdict.DRIFT
    assert judge({"seats": [[0, 100, 0]] * 7}, reference=constant)["seats"].verdict is Verdict.STABLE


def test_nulls_alone_are_drift():
    assert judge({"seats": [[40, 40, 20]] * 7})["seats"].verdict is Verdict.DRIFT


def test_a_column_that_was_null_and_now_has_values_is_drift():
    nulls = make_reference({"seats": [[0, 0, 100]] * 90}, [SEATS])
    assert judge({"seats": [[50, 50, 0]] * 7}, reference=nulls)["seats"].verdict is Verdict.DRIFT


def test_a_seasonal_column_is_recorded_whatever_it_does():
    for window in ([[0, 100, 0]] * 7, [[50, 50, 0]] * 7):
        verdict = judge({"seats": window}, roles={"seats": Role.SEASONAL})["seats"]
        assert (verdict.status, verdict.verdict, verdict.role) == (Status.OK, Verdict.RECORDED, Role.SEASONAL)
        assert verdict.threshold == 0.1


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    ("window", "status"),
    [
        ({}, Status.EMPTY_WINDOW),
        ({"origin": [[60, 40, 0, 0]] * 7}, Status.ABSENT_COLUMN),
        ({"seats": [[28, 0, 0]] * 7}, Status.TOO_FEW_ROWS),  # 196 of at least 200
        ({"seats": [[0, 0, 100]] * 7}, Status.ALL_NULL),
        ({"seats": [[100, 0, 0]] * 3}, Status.TOO_FEW_BLOCKS),  # 3 of 7 days
    ],
)
def test_a_window_that_cannot_be_judged_has_a_status_and_is_unknown(window, status, role):
    verdict = judge(window, roles={"seats": role})["seats"]
    assert (verdict.status, verdict.verdict) == (status, Verdict.UNKNOWN)
    assert (verdict.value, verdict.threshold) == (None, None)


@pytest.mark.parametrize(
    ("reference_days", "every", "window", "days", "status"),
    [
        ([[50, 50, 0]] * 90, 1, 7, 3, Status.TOO_FEW_BLOCKS),  # every day has rows: 3 of 7, 13 of 28
        ([[50, 50, 0]] * 90, 1, 7, 4, Status.OK),
        ([[50, 50, 0]] * 90, 1, 28, 13, Status.TOO_FEW_BLOCKS),
        ([[50, 50, 0]] * 90, 1, 28, 14, Status.OK),
        ([[50, 50, 0]] * 13, 7, 28, 1, Status.TOO_FEW_BLOCKS),  # a grid of weeks: a window has 4 days with rows
        ([[50, 50, 0]] * 13, 7, 28, 2, Status.OK),
        ([[50, 50, 0]] * 13, 7, 28, 4, Status.OK),
        ([[50, 50, 0]] * 13, 7, 7, 1, Status.OK),
        ([[50, 50, 0]] * 13, 2, 28, 6, Status.TOO_FEW_BLOCKS),  # every other day: 14
        ([[50, 50, 0]] * 26, 2, 28, 7, Status.OK),
        (([[50, 50, 0]] * 5 + [[0, 0, 0]] * 2) * 13, 1, 28, 9, Status.TOO_FEW_BLOCKS),  # weekdays: 64 steps in 88 days
        (([[50, 50, 0]] * 5 + [[0, 0, 0]] * 2) * 13, 1, 28, 11, Status.OK),
        ([[50, 50, 0]], 1, 7, 3, Status.TOO_FEW_BLOCKS),  # one day tells nothing of how far days lie apart
    ],
)
def test_half_of_the_days_is_counted_by_the_days_of_the_reference(reference_days, every, window, days, status):
    reference = make_reference({"seats": reference_days}, [SEATS], every=every)
    counts = make_counts({"seats": [[100, 200, 0]] * days}, every=every)
    monitor = Monitor(window=timedelta(days=window), min_blocks=2, reference=timedelta(days=91))
    (verdict,) = judge_window(reference, counts, ["seats"], {}, monitor, seed=1)
    assert (verdict.status, verdict.verdict is Verdict.UNKNOWN) == (status, status is not Status.OK)


def test_a_grid_of_weeks_is_judged_with_a_status_for_a_short_reference():
    weeks, window = [[50, 50, 0]] * 13, make_counts({"seats": [[20, 80, 0]] * 4}, every=7)
    judged = judge_window(
        make_reference({"seats": weeks}, [SEATS], every=7),
        window,
        ["seats"],
        {},
        Monitor(window=timedelta(days=28), min_blocks=10, reference=timedelta(days=91)),
        seed=1,
    )[0]
    psi = population_stability_index([0.5, 0.5, 0.0], [0.2, 0.8, 0.0])
    assert (judged.verdict, judged.value, judged.threshold) == (Verdict.DRIFT, pytest.approx(psi), 0.1)
    assert (judged.evidence["reference_days"], judged.evidence["window_days"]) == (13, 4)
    short = make_reference({"seats": weeks[:11]}, [SEATS], every=7)  # below three windows of four
    monitor = Monitor(window=timedelta(days=28), min_blocks=10, reference=timedelta(days=91))
    (verdict,) = judge_window(short, window, ["seats"], {}, monitor, seed=1)
    assert (verdict.status, verdict.verdict) == (Status.INSUFFICIENT_REFERENCE, Verdict.UNKNOWN)


def test_all_null_is_unknown_even_where_the_reference_was_all_null():
    nulls = make_reference({"seats": [[0, 0, 100]] * 90}, [SEATS])
    verdict = judge({"seats": [[0, 0, 100]] * 7}, reference=nulls)["seats"]
    assert (verdict.status, verdict.verdict) == (Status.ALL_NULL, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("days", "monitor"),
    [
        (27, {}),  # of at least 28
        (28, {"window": timedelta(days=10)}),  # fewer than three windows
    ],
)
def test_a_short_reference_is_insufficient(days, monitor):
    reference = make_reference({"seats": [[50, 50, 0]] * days}, [SEATS])
    verdict = judge({"seats": [[100, 0, 0]] * 10}, reference=reference, **monitor)["seats"]
    assert (verdict.status, verdict.verdict, verdict.threshold) == (
        Status.INSUFFICIENT_REFERENCE,
        Verdict.UNKNOWN,
        None,
    )
    assert verdict.value is not None  # recorded, not judged


def test_the_shortest_reference_allowed_is_judged():
    reference = make_reference({"seats": [[50, 50, 0]] * 28}, [SEATS])
    assert judge({"seats": [[100, 0, 0]] * 7}, reference=reference)["seats"].verdict is Verdict.DRIFT


def test_a_column_without_rows_in_the_reference_is_insufficient():
    reference = make_reference({"origin": [[60, 40, 0, 0]] * 90}, [SEATS, ORIGIN])
    verdict = judge({"seats": [[100, 0, 0]] * 7}, reference=reference)["seats"]
    assert (verdict.status, verdict.verdict) == (Status.INSUFFICIENT_REFERENCE, Verdict.UNKNOWN)


def test_a_threshold_no_window_could_cross_is_not_a_pass():
    # weeks of nothing but one value, then weeks of nothing but another
    restless = make_reference({"seats": ([[100, 0, 0]] * 14 + [[0, 100, 0]] * 14) * 2}, [SEATS])
    verdict = judge({"seats": [[100, 0, 0]] * 7}, reference=restless)["seats"]
    assert (verdict.status, verdict.verdict) == (Status.INSUFFICIENT_REFERENCE, Verdict.UNKNOWN)
    assert verdict.evidence["resampled"]["value"] >= verdict.evidence["reachable"]


def test_the_level_is_shared_by_the_columns_that_can_alarm():
    window = {"seats": [[50, 50, 0]] * 7, "origin": [[60, 40, 0, 0]] * 7}
    both = judge(window, ("seats", "origin"))["seats"].evidence
    one = judge(window, ("seats", "origin"), {"origin": Role.SEASONAL})["seats"].evidence
    assert (both["judged_columns"], both["column_level"]) == (2, 0.025)
    assert (one["judged_columns"], one["column_level"]) == (1, 0.05)


@pytest.mark.parametrize("column", ["seats", "origin"])
def test_a_verdict_can_be_recomputed_from_its_evidence_as_json(column):
    window = {"seats": [[45, 55, 0]] * 7, "origin": [[55, 45, 0, 0]] * 7}
    verdict = judge(window, (column,))[column]
    evidence = json.loads(json.dumps(verdict.evidence, allow_nan=False))
    statistic = {"psi": population_stability_index, "total_variation": total_variation}[verdict.statistic]
    assert statistic(evidence["reference_shares"], evidence["window_shares"]) == pytest.approx(verdict.value, rel=1e-12)
    resampled = evidence["resampled"]
    assert verdict.threshold == max(verdict.min_effect, resampled["quantile"], resampled["bound"])


def test_columns_the_reference_does_not_know_or_given_twice_are_refused():
    with pytest.raises(DistributionError, match="no bins"):
        judge({"seats": [[50, 50, 0]] * 7}, ("distance",))
    with pytest.raises(DistributionError, match="twice"):
        judge({"seats": [[50, 50, 0]] * 7}, ("seats", "seats"))


def test_a_least_effect_that_is_not_declared_keeps_its_default():
    verdict = judge({"seats": [[50, 50, 0]] * 7}, min_effect={"total_variation": 0.2})["seats"]
    assert verdict.min_effect == 0.1


@pytest.mark.parametrize(("persistence", "fixed_flags"), [("1 of 1", 30), ("2 of 3", 20)])
def test_false_flags_on_autocorrelated_days_keep_the_level_where_a_fixed_threshold_does_not(persistence, fixed_flags):
    """Five columns whose daily level wanders, a reference of 90 days, and the weeks from two weeks after it on."""
    rng = np.random.default_rng(5)
    rule = Monitor(persistence=persistence).persistence
    bins = [ColumnBins(f"x{n}", "number", edges=tuple(float(edge) for edge in range(9))) for n in range(5)]
    columns = [column.name for column in bins]
    flags, flags_of_fixed, repeats = 0, 0, 60
    for _ in range(repeats):
        daily = {name: simulate_daily(rng, 104 + 7 * rule.windows, memory=0.8, spread=0.4) for name in columns}
        reference = make_reference({name: table[:90] for name, table in daily.items()}, bins)
        weeks = [
            judge(
                {name: table[first : first + 7] for name, table in daily.items()},
                columns,
                reference=reference,
                persistence=persistence,
            )
            for first in range(104, 104 + 7 * rule.windows, 7)
        ]
        alarms = {name: [week[name].verdict is Verdict.DRIFT for week in weeks] for name in columns}
        of_fixed = {name: [(week[name].value or 0.0) > 0.2 for week in weeks] for name in columns}
        flags += any(persistent(history, rule) for history in alarms.values())
        flags_of_fixed += any(persistent(history, rule) for history in of_fixed.values())
    # at the level of 0.05, 60 repeats hold 3 flags, and with 99.9% no more than 9
    assert flags <= 9
    assert flags_of_fixed >= fixed_flags


def test_a_rule_over_several_windows_lets_one_window_alarm_more_often():
    rng = np.random.default_rng(7)
    bins = [ColumnBins("x0", "number", edges=tuple(float(edge) for edge in range(9)))]
    daily = simulate_daily(rng, 97, memory=0.8, spread=0.4)
    reference = make_reference({"x0": daily[:90]}, bins)
    found = {
        rule: judge({"x0": daily[90:]}, ("x0",), reference=reference, persistence=rule)["x0"]
        for rule in ("1 of 1", "2 of 3", "1 of 3")
    }
    thresholds = {rule: verdict.threshold for rule, verdict in found.items()}
    assert thresholds["2 of 3"] < thresholds["1 of 1"] < thresholds["1 of 3"]
    evidence = found["2 of 3"].evidence["resampled"]
    assert (evidence["hits"], evidence["windows"]) == (2, 3)
    assert evidence["bound"] == pytest.approx(
        math.exp(evidence["log_mean"] + evidence["factor"] * evidence["log_deviation"])
    )


def test_a_shift_of_a_calm_column_is_found_among_many_restless_ones():
    rng = np.random.default_rng(6)
    bins = [ColumnBins(f"x{n}", "number", edges=tuple(float(edge) for edge in range(9))) for n in range(20)]
    daily = {column.name: simulate_daily(rng, 97, memory=0.8, spread=0.4) for column in bins[1:]}
    calm = simulate_daily(rng, 97, memory=0.0, spread=0.05)
    calm[90:, 5:10] += calm[90:, :5]  # the lower half of the values moves up
    calm[90:, :5] = 0
    daily["x0"] = calm
    reference = make_reference({name: table[:90] for name, table in daily.items()}, bins)
    verdicts = judge({name: table[90:] for name, table in daily.items()}, [c.name for c in bins], reference=reference)
    assert verdicts["x0"].verdict is Verdict.DRIFT
