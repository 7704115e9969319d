"""What is recorded beside a verdict, and verdicts by the distances that need more than shares."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from lakeloop.config.metric import Task
from lakeloop.config.monitor import Monitor
from lakeloop.distances import DISTANCES
from lakeloop.drift.bins import ColumnBins, measure_deviations, propose_bins
from lakeloop.drift.counts import count_bins
from lakeloop.drift.reference import Reference, build_reference
from lakeloop.drift.verdicts import ColumnVerdict, judge_window
from lakeloop.runs.verdict_rows import drift_row
from lakeloop.schemas import DRIFT_METRICS
from lakeloop.statuses import Role, Status, Verdict
from tests.drift.factories import make_counts, make_reference

DELAY = ColumnBins("delay", "number", edges=(0.0, 10.0))
ORIGIN = ColumnBins("origin", "category", categories=("EWR", "JFK", "LGA", "SWF"))
BEGIN, AFTER = date(2013, 1, 1), date(2013, 4, 1)


def table(days: int, values: dict[str, list], first: date = BEGIN) -> pa.Table:
    """The same rows on each of some days."""
    rows = len(next(iter(values.values())))
    of_row = [first + timedelta(days=day) for day in range(days) for _ in range(rows)]
    return pa.table({"day": of_row, **{name: column * days for name, column in values.items()}})


def freeze(rows: pa.Table, bins: list[ColumnBins]) -> Reference:
    return build_reference(
        count_bins(rows, bins, "day"),
        bins,
        model="late",
        task=Task.CLASSIFICATION,
        trained_through=datetime(2013, 4, 1, tzinfo=UTC),
        deviations=measure_deviations(rows, [each.name for each in bins]),
    )


def judge(reference: Reference, rows: pa.Table, column: str, roles=None, **monitor) -> ColumnVerdict:
    counts = count_bins(rows, reference.bins, "day")
    (verdict,) = judge_window(reference, counts, [column], roles or {}, Monitor(**monitor), seed=1)
    return verdict


BEFORE = {"delay": [-4.0, -2.0, 2.0, 8.0, 12.0, 30.0, None, None] * 10}
NOW = {"delay": [-4.0, 2.0, 2.0, 8.0, 12.0, 12.0, 90.0, None] * 10}
NUMBERS = freeze(table(90, BEFORE), [DELAY])


def test_every_statistic_of_a_number_is_recorded():
    row = drift_row(judge(NUMBERS, table(7, NOW, AFTER), "delay"), is_prediction=False)
    before, now = np.array([2, 2, 2, 2]) / 8, np.array([1, 3, 3, 1]) / 8
    psi = ((now - before) * np.log(now / before)).sum()
    assert row["population_stability_index"] == pytest.approx(psi)
    assert row["tv_distance"] == pytest.approx(0.25)
    assert row["l_infinity_distance"] == pytest.approx(0.125)
    assert row["js_distance"] == pytest.approx(jensenshannon(before, now, base=2))
    # of 6 and of 7 values: 1/3 against 1/7 at or below 0, 2/3 against 4/7 at or below 10
    assert row["ks_test"].statistic == pytest.approx(1 / 3 - 1 / 7)
    assert row["ks_test"].pvalue == pytest.approx(stats.kstwo.sf(1 / 3 - 1 / 7, round(5400 * 490 / 5890)))
    chi = stats.chi2_contingency([[1800] * 4, [70, 210, 210, 70]], correction=False)
    assert tuple(row["chi_squared_test"]) == pytest.approx((chi.statistic, chi.pvalue))
    deviation = np.std([each for each in BEFORE["delay"] if each is not None])
    moved = stats.wasserstein_distance([-3, 5, 21], [-4, 4, 38], [1, 1, 1], [1, 3, 3])
    assert row["wasserstein_distance"] == pytest.approx(moved / deviation)
    assert row["count_delta"] == 0.0
    assert row["avg_delta"] == pytest.approx(122 / 7 - 46 / 6)
    assert row["percent_null_delta"] == pytest.approx(-12.5)
    assert "other_fraction" not in row
    assert set(row) < set(DRIFT_METRICS.columns.fieldNames())


def test_every_statistic_of_a_category_is_recorded_with_what_is_new_and_gone():
    before = ["EWR"] * 50 + ["JFK"] * 30 + ["LGA"] * 19 + ["SWF"]
    now = ["EWR"] * 40 + ["LGA"] * 10 + ["ABE"] * 30 + [None] * 20
    reference = freeze(table(90, {"origin": before}), [ORIGIN])
    verdict = judge(reference, table(7, {"origin": now}, AFTER), "origin")
    row = drift_row(verdict, is_prediction=False)
    assert row["tv_distance"] == verdict.value == pytest.approx(0.5)
    assert row["l_infinity_distance"] == pytest.approx(0.3)
    assert row["population_stability_index"] > 1
    assert (row["ks_test"], row["wasserstein_distance"], row["avg_delta"]) == (None, None, None)
    assert row["percent_null_delta"] == pytest.approx(20.0)
    assert (row["other_fraction"], row["vanished_categories"]) == (0.3, ["JFK", "SWF"])
    assert verdict.evidence["categories"] == {
        "other": 0.3,
        "reference_other": 0.0,
        "vanished": ["JFK", "SWF"],
        "least": 0.01,
    }
    assert set(row) < set(DRIFT_METRICS.columns.fieldNames())
    rare = judge(reference, table(7, {"origin": now}, AFTER), "origin", min_category_share=0.02)
    assert rare.recorded["vanished_categories"] == ["JFK"]  # SWF had one row in a hundred


def test_rows_of_the_reference_in_other_are_told_apart_from_new_ones():
    (bins,) = propose_bins(pa.table({"origin": ["a", "a", "b"]}), ["origin"], 10, max_categories=1)
    reference = freeze(table(90, {"origin": ["a"] * 40 + ["b"] * 10}), [bins])
    verdict = judge(reference, table(7, {"origin": ["a"] * 30 + ["c"] * 20}, AFTER), "origin")
    assert verdict.evidence["categories"]["other"] == pytest.approx(0.4)
    assert verdict.evidence["categories"]["reference_other"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("window", "status", "told"),
    [
        ({}, Status.EMPTY_WINDOW, set()),
        ({"origin": [[60, 40, 0, 0, 0, 0]] * 7}, Status.ABSENT_COLUMN, set()),
        ({"delay": [[10, 10, 0, 0]] * 7}, Status.TOO_FEW_ROWS, {"count_delta", "avg_delta", "percent_null_delta"}),
        ({"delay": [[0, 0, 0, 100]] * 7}, Status.ALL_NULL, {"count_delta", "percent_null_delta"}),
        ({"delay": [[90, 0, 10, 0]] * 3}, Status.TOO_FEW_BLOCKS, {"count_delta", "avg_delta", "percent_null_delta"}),
    ],
)
def test_what_cannot_be_judged_has_no_statistic(window, status, told):
    reference = make_reference(
        {"delay": [[25, 25, 50, 0]] * 90, "origin": [[60, 40, 0, 0, 0, 0]] * 90}, [DELAY, ORIGIN]
    )
    (verdict,) = judge_window(reference, make_counts(window), ["delay"], {}, Monitor(), seed=0)
    assert (verdict.status, verdict.verdict) == (status, Verdict.UNKNOWN)
    assert {name for name, value in verdict.recorded.items() if value is not None} == told


def test_a_constant_column_has_no_unit_and_records_what_has_one():
    reference = freeze(table(90, {"delay": [5.0] * 50}), [DELAY])
    verdict = judge(reference, table(7, {"delay": [5.0] * 50}, AFTER), "delay", statistic={"number": "wasserstein"})
    assert (verdict.status, verdict.verdict) == (Status.INSUFFICIENT_REFERENCE, Verdict.UNKNOWN)
    assert verdict.recorded["wasserstein_distance"] is None
    assert (verdict.recorded["ks_test"].statistic, verdict.recorded["js_distance"]) == (0.0, 0.0)


def test_a_reference_of_an_earlier_version_is_read_and_knows_no_means():
    content = json.loads(NUMBERS.to_json())
    del content["bin_totals"], content["deviations"]
    old = Reference.from_json(json.dumps(content, sort_keys=True))
    assert old.to_json() == json.dumps(content, sort_keys=True)
    week = table(7, NOW, AFTER)
    first, second = judge(NUMBERS, week, "delay"), judge(old, week, "delay")
    assert (first.value, first.threshold, first.evidence) == (second.value, second.threshold, second.evidence)
    assert first.recorded | {"wasserstein_distance": None} == second.recorded
    declared = judge(old, week, "delay", statistic={"number": "wasserstein"})
    assert (declared.status, declared.value) == (Status.INSUFFICIENT_REFERENCE, None)


def test_the_new_parts_of_a_reference_survive_json():
    again = Reference.from_json(NUMBERS.to_json())
    assert again == NUMBERS
    assert again.bin_totals["delay"].tolist() == NUMBERS.bin_totals["delay"].tolist()
    assert again.bin_totals["delay"][0].tolist() == [-60.0, 100.0, 420.0, 0.0]
    assert again.deviations == NUMBERS.deviations == {"delay": pytest.approx(np.std([-4, -2, 2, 8, 12, 30]))}


@pytest.mark.parametrize("name", ["ks", "wasserstein", "jensen_shannon", "l_infinity"])
def test_a_declared_statistic_judges_and_can_be_computed_again_from_its_evidence(name):
    quiet = judge(NUMBERS, table(7, BEFORE, AFTER), "delay", statistic={"number": name})
    assert (quiet.statistic, quiet.status, quiet.verdict) == (name, Status.OK, Verdict.STABLE)
    assert quiet.value == pytest.approx(0.0, abs=1e-9)
    moved = judge(NUMBERS, table(7, NOW, AFTER), "delay", statistic={"number": name})
    assert (moved.verdict, moved.threshold) == (Verdict.DRIFT, DISTANCES[name].min_effect)
    evidence = json.loads(json.dumps(moved.evidence, allow_nan=False))
    if name == "wasserstein":
        sides = (evidence[f"{side}_{what}"] for what in ("means", "shares") for side in ("reference", "window"))
        means, others, weights, other_weights = sides
        again = stats.wasserstein_distance(means, others, weights[:-1], other_weights[:-1]) / evidence["unit"]
    else:
        again = DISTANCES[name].between(evidence["reference_shares"], evidence["window_shares"])
    assert again == pytest.approx(moved.value, rel=1e-9)


def test_a_shift_inside_an_open_end_bin_is_drift_by_wasserstein_alone():
    far = {"delay": [value + 300.0 if value == 30.0 else value for value in BEFORE["delay"]]}
    for name, verdict in (("psi", Verdict.STABLE), ("ks", Verdict.STABLE), ("wasserstein", Verdict.DRIFT)):
        assert judge(NUMBERS, table(7, far, AFTER), "delay", statistic={"number": name}).verdict is verdict


@pytest.mark.parametrize("name", ["ks", "wasserstein"])
def test_days_without_values_say_nothing_to_what_leaves_nulls_out(name):
    empty = table(30, {"delay": [None] * 80}, AFTER)
    reference = freeze(pa.concat_tables([table(60, BEFORE), empty], promote_options="default"), [DELAY])
    verdict = judge(reference, table(7, BEFORE, date(2013, 6, 1)), "delay", statistic={"number": name})
    assert (verdict.status, verdict.value) == (Status.OK, pytest.approx(0.0, abs=1e-9))
    assert verdict.evidence["resampled"]["disjoint_stretches"] == 60 / 7
    short = judge(reference, table(7, BEFORE, date(2013, 6, 1)), "delay", statistic={"number": name}, min_blocks=61)
    assert short.status is Status.INSUFFICIENT_REFERENCE


def test_thresholds_of_numbers_come_from_the_days_of_the_reference():
    rng = np.random.default_rng(2)
    level = 3.0 * rng.standard_normal(90)
    days = [BEGIN + timedelta(days=day) for day in range(90) for _ in range(50)]
    delays = (np.repeat(level, 50) + rng.standard_normal(4500)).tolist()
    restless = freeze(pa.table({"day": days, "delay": delays}), [DELAY])
    week = pa.table({"day": [AFTER + timedelta(days=n % 7) for n in range(350)], "delay": delays[:350]})
    for name in ("ks", "wasserstein"):
        verdict = judge(restless, week, "delay", {"delay": Role.CONTRACT}, statistic={"number": name})
        assert verdict.threshold is not None
        assert verdict.threshold > 2 * DISTANCES[name].min_effect
        assert verdict.verdict is Verdict.STABLE
