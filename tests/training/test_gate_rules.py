"""Superiority, calibration, facts and acknowledgements: what passes, and what is missing is never a pass."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeloop.config.gate import Gate
from lakeloop.config.metric import Task
from lakeloop.statuses import GateStatus, PromotionOutcome
from lakeloop.training.gate import (
    AuditFacts,
    GateFacts,
    InputFacts,
    LatencyFacts,
    LoadFacts,
    acknowledge_evidence,
    describe_checks,
    judge,
)
from lakeloop.training.gate.comparison import Losses, check_champion
from lakeloop.training.gate.fact_checks import check_facts
from lakeloop.training.resampling import resample_difference
from tests.training.holdouts import DAYS, SOUND, check_named, declare_gate, make_holdout

NAN = float("nan")
ASKS_ALL = {"leakage_audit": True, "latency": {"p95_ms": 50}}


# --- superiority -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("challenger", "status"), [(0.7, GateStatus.PASS), (0.606, GateStatus.FAIL), (0.599, GateStatus.FAIL)]
)
def test_superiority_asks_for_the_whole_interval_below_the_least_gain(challenger: float, status: GateStatus) -> None:
    """From 0.6 on the Brier score falls by 0.0700 to 0.7, by 0.0048 to 0.606."""
    gate = Gate.model_validate({"metric": "brier", "superior_by": 0.005})
    report = judge(gate, Task.CLASSIFICATION, make_holdout(challenger, 0.6), has_champion=True)
    found = check_named(report, "superior_to_champion")
    assert (found.status, found.bound) == (status, -0.005)


@pytest.mark.parametrize("days", [DAYS[:0], DAYS[:1], DAYS[:9]])
def test_superiority_needs_the_days(days: np.ndarray) -> None:
    gate = Gate.model_validate({"metric": "brier", "superior_by": 0.005})
    report = judge(gate, Task.CLASSIFICATION, make_holdout(0.9, 0.6, days), has_champion=True)
    assert check_named(report, "superior_to_champion").status is GateStatus.INSUFFICIENT
    assert report.outcome is PromotionOutcome.REJECTED


def test_a_holdout_of_one_day_promotes_nobody() -> None:
    gate = declare_gate(calibration={"max_bias": 0.5}, slices={"origin": {"non_inferior_by": 0.5, "min_rows": 1}})
    holdout = make_holdout(0.9, 0.6, DAYS[:1], slices={"origin": np.array(["EWR", "EWR"])})
    report = judge(gate, Task.CLASSIFICATION, holdout, has_champion=True)
    assert {check.status for check in report.checks} == {GateStatus.INSUFFICIENT}


def test_a_holdout_of_one_class_has_losses_but_no_ranking() -> None:
    gate = declare_gate(absolute={"roc_auc": {"min": 0.5}}, calibration={"max_bias": 0.2, "max_error": 0.2})
    holdout = dataclasses.replace(
        make_holdout(), y=np.ones(40), challenger=np.full(40, 0.9), champion=np.full(40, 0.8), baseline=np.full(40, 0.7)
    )
    report = judge(gate, Task.CLASSIFICATION, holdout, has_champion=True)
    statuses = {check.name: check.status for check in report.checks}
    assert statuses.pop("absolute_roc_auc") is GateStatus.INSUFFICIENT
    assert set(statuses.values()) == {GateStatus.PASS}
    assert not report.passed


# --- calibration -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shift", "bias", "error"),
    [
        (0.0, GateStatus.PASS, GateStatus.PASS),
        (0.25, GateStatus.PASS, GateStatus.PASS),  # bounds are included
        (0.375, GateStatus.FAIL, GateStatus.FAIL),
        (-0.375, GateStatus.FAIL, GateStatus.FAIL),
    ],
)
def test_bias_and_calibration_error_are_bounded_either_way(shift: float, bias: GateStatus, error: GateStatus) -> None:
    gate = declare_gate(calibration={"max_bias": 0.25, "max_error": 0.25})
    holdout = dataclasses.replace(make_holdout(), challenger=np.full(40, 0.5 + shift))
    report = judge(gate, Task.CLASSIFICATION, holdout, has_champion=True)
    found = check_named(report, "calibration_bias")
    assert (found.value, found.lower, found.upper, found.status) == (shift, shift, shift, bias)
    assert check_named(report, "calibration_error").status is error


def test_opposite_errors_cancel_in_the_bias_and_not_in_the_error() -> None:
    holdout = dataclasses.replace(make_holdout(), challenger=np.where(make_holdout().y == 1, 0.25, 0.75))
    gate = declare_gate(calibration={"max_bias": 0.1, "max_error": 0.1})
    report = judge(gate, Task.CLASSIFICATION, holdout, has_champion=True)
    assert check_named(report, "calibration_bias").status is GateStatus.PASS
    assert check_named(report, "calibration_error").value == 0.75


def test_calibration_without_rows_is_insufficient() -> None:
    gate = declare_gate(calibration={"max_bias": 1.0, "max_error": 1.0})
    report = judge(gate, Task.CLASSIFICATION, make_holdout(days=DAYS[:0]), has_champion=True)
    assert check_named(report, "calibration_bias").status is GateStatus.INSUFFICIENT
    assert check_named(report, "calibration_error").status is GateStatus.INSUFFICIENT


# --- facts -----------------------------------------------------------------------------------------------------------


def test_sound_facts_pass() -> None:
    found = check_facts(declare_gate(**ASKS_ALL), SOUND)
    assert [(check.name, check.status, check.value) for check in found] == [
        ("inputs_exist", GateStatus.PASS, 0.0),
        ("leakage_audit", GateStatus.PASS, 0.0),
        ("loads_in_fresh_process", GateStatus.PASS, 0.0),
        ("latency", GateStatus.PASS, 5.0),
    ]
    assert "online store: not looked at" in found[0].detail


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("inputs_exist", {"inputs": None}),
        ("inputs_exist", {"inputs": InputFacts(None, {})}),
        ("inputs_exist", {"inputs": InputFacts({}, {"shop": "string"})}),
        ("leakage_audit", {"audit": None}),
        ("leakage_audit", {"audit": AuditFacts((), (), 0)}),
        ("leakage_audit", {"audit": AuditFacts((), ("time_travel weather",), 9)}),
        ("loads_in_fresh_process", {"loading": None}),
        ("loads_in_fresh_process", {"loading": LoadFacts(0, None)}),
        ("loads_in_fresh_process", {"loading": LoadFacts(20, None)}),
        ("latency", {"latency": None}),
        ("latency", {"latency": LatencyFacts(1, 0, NAN, NAN, NAN, NAN)}),
        ("latency", {"latency": LatencyFacts(1, 3, NAN, NAN, NAN, NAN)}),
    ],
)
def test_a_fact_that_is_asked_for_and_missing_is_insufficient(name: str, facts: dict) -> None:
    report = judge(
        declare_gate(**ASKS_ALL),
        Task.CLASSIFICATION,
        make_holdout(),
        has_champion=True,
        facts=dataclasses.replace(SOUND, **facts),
    )
    assert check_named(report, name).status is GateStatus.INSUFFICIENT
    assert report.outcome is PromotionOutcome.REJECTED


@pytest.mark.parametrize(
    ("name", "facts", "told"),
    [
        ("inputs_exist", {"inputs": InputFacts({"shop": "string"}, {})}, "shop is no column"),
        ("inputs_exist", {"inputs": InputFacts({"shop": "string"}, {"shop": None})}, "shop is no column"),
        (
            "inputs_exist",
            {"inputs": InputFacts({"shop": "double"}, {"shop": "string"})},
            "shop is string, the signature has double",
        ),
        (
            "inputs_exist",
            {"inputs": InputFacts({"shop": "string"}, {"shop": "bigint"})},
            "shop is bigint, the signature has string",
        ),
        ("inputs_exist", {"inputs": InputFacts({"at": "double"}, {"at": "date"})}, "at is date"),
        (
            "leakage_audit",
            {"audit": AuditFacts(("label_column x",), ("other",), 9)},
            "1 finding in 9 checks: label",
        ),
        (
            "loads_in_fresh_process",
            {"loading": LoadFacts(20, None, "model late version 1: files")},
            "model late version 1",
        ),
        ("loads_in_fresh_process", {"loading": LoadFacts(20, 1.1e-9)}, "differ by at most 1.1e-09"),
        ("loads_in_fresh_process", {"loading": LoadFacts(20, NAN)}, "differ"),
    ],
)
def test_a_fact_that_is_against_the_version_fails(name: str, facts: dict, told: str) -> None:
    (found,) = [
        check
        for check in check_facts(declare_gate(**ASKS_ALL), dataclasses.replace(SOUND, **facts))
        if check.name == name
    ]
    assert found.status is GateStatus.FAIL
    assert told in found.detail


@pytest.mark.parametrize("kind", ["int", "bigint", "double", "decimal(10,2)", "boolean", "timestamp"])
def test_whatever_is_given_as_a_number_fits_a_number(kind: str) -> None:
    facts = GateFacts(inputs=InputFacts({"x": "double"}, {"x": kind}))
    assert check_facts(declare_gate(), facts)[0].status is GateStatus.PASS


def test_a_text_that_the_signature_s_example_lacked_fits_any_column() -> None:
    facts = GateFacts(inputs=InputFacts({"x": "Any"}, {"x": "string"}))
    assert check_facts(declare_gate(), facts)[0].status is GateStatus.PASS


def test_what_is_not_asked_for_says_so() -> None:
    _, audit, loading = check_facts(declare_gate(fresh_process=False), GateFacts())
    assert (audit.status, loading.status) == (GateStatus.NOT_APPLICABLE, GateStatus.NOT_APPLICABLE)


# --- warnings that block ---------------------------------------------------------------------------------------------

SLOW = dataclasses.replace(SOUND, latency=LatencyFacts(1, 50, 40.0, 80.0, 40.0, 80.0))
BLOCKING = {**ASKS_ALL, "too_good": {"roc_auc": 0.9}, "blocking": ["too_good", "latency"]}


def judge_slow(acknowledged: tuple[str, ...] = (), **changes):
    gate = declare_gate(**BLOCKING | changes)
    return judge(gate, Task.CLASSIFICATION, make_holdout(), has_champion=True, facts=SLOW, acknowledged=acknowledged)


def test_a_warning_that_does_not_block_passes() -> None:
    report = judge_slow(blocking=[])
    assert [check.name for check in report.checks if check.status is GateStatus.WARN] == ["latency", "too_good_roc_auc"]
    assert (report.outcome, report.unacknowledged) == (PromotionOutcome.PROMOTED, ())


@pytest.mark.parametrize(
    ("acknowledged", "left"),
    [
        ((), ("latency", "too_good_roc_auc")),
        (("latency",), ("too_good_roc_auc",)),
        (("beats_baseline",), ("latency", "too_good_roc_auc")),  # no warning: nothing to let pass
        (("too_good_roc_auc", "latency"), ()),
    ],
)
def test_blocking_warnings_hold_until_each_is_acknowledged(
    acknowledged: tuple[str, ...], left: tuple[str, ...]
) -> None:
    report = judge_slow(acknowledged)
    assert report.unacknowledged == left
    assert report.outcome is (PromotionOutcome.HELD if left else PromotionOutcome.PROMOTED)
    assert report.passed is (not left)
    assert len(report.reasons) == len(left)
    assert all("holds it until --acknowledge" in reason for reason in report.reasons)
    # what is recorded first and acknowledged later ends the same
    assert acknowledge_evidence(judge_slow().to_dict(), acknowledged) == report.to_dict()


def test_a_failure_is_not_acknowledged_away() -> None:
    report = judge_slow(("latency", "too_good_roc_auc", "absolute_roc_auc"), absolute={"roc_auc": {"max": 0.5}})
    assert report.outcome is PromotionOutcome.REJECTED
    assert report.reasons == ("absolute_roc_auc FAIL: roc_auc 1.0000, at most 0.5 allowed",)


def test_a_held_version_that_failed_too_is_rejected_and_names_both() -> None:
    report = judge_slow(absolute={"roc_auc": {"max": 0.5}})
    assert report.outcome is PromotionOutcome.REJECTED
    assert [reason.split()[0] for reason in report.reasons] == ["absolute_roc_auc", "latency", "too_good_roc_auc"]


def test_the_evidence_says_what_was_acknowledged() -> None:
    plain = json.loads(json.dumps(judge_slow(("latency", "too_good_roc_auc")).to_dict(), allow_nan=False))
    assert [check["name"] for check in plain["checks"] if check["acknowledged"]] == ["latency", "too_good_roc_auc"]
    assert plain["unacknowledged"] == []
    (told,) = [each for each in describe_checks(plain) if each.startswith("latency")]
    assert told == "latency WARN (acknowledged): 50 calls of 1 row: p50 40.0 ms, p95 80.0 ms, allowed 50 ms"


# --- laws ------------------------------------------------------------------------------------------------------------

LOSSES = st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100), st.integers(0, 5)), min_size=1, max_size=40)


def interval(ours, theirs, days, seed: int = 0):
    return resample_difference(
        np.asarray(ours, dtype=float),
        np.asarray(theirs, dtype=float),
        np.datetime64("2013-05-01", "D") + np.asarray(days, dtype=int),
        confidence=0.9,
        resamples=200,
        seed=seed,
    )


@given(rows=LOSSES, shift=st.integers(-1000, 1000), order=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_order_changes_nothing_a_shift_changes_nothing_and_swapping_sides_mirrors(rows, shift: int, order) -> None:
    ours, theirs, days = zip(*rows, strict=True)
    found = interval(ours, theirs, days)
    mixed = list(rows)
    order.shuffle(mixed)
    ends = (found.difference, found.lower, found.upper)
    again = interval(*zip(*mixed, strict=True))
    assert (again.difference, again.lower, again.upper) == pytest.approx(ends, nan_ok=True)
    moved = interval([each + shift for each in ours], [each + shift for each in theirs], days)
    assert (moved.difference, moved.lower, moved.upper) == pytest.approx(ends, nan_ok=True)
    mirror = interval(theirs, ours, days)
    assert (-mirror.difference, -mirror.upper, -mirror.lower) == pytest.approx(ends, nan_ok=True)


@given(rows=LOSSES, seed=st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_both_sides_cannot_be_superior(rows, seed: int) -> None:
    ours, theirs, days = (np.asarray(each) for each in zip(*rows, strict=True))
    gate = declare_gate(superior_by=0.001, min_blocks=2, resamples=200)
    every = np.ones(len(rows), dtype=bool)
    dates = np.datetime64("2013-05-01", "D") + days
    one = check_champion(gate, Losses(ours * 1.0, ours * 0.0, theirs * 1.0, every, dates, seed), has_champion=True)
    other = check_champion(gate, Losses(theirs * 1.0, ours * 0.0, ours * 1.0, every, dates, seed), has_champion=True)
    assert [one[0].status, other[0].status].count(GateStatus.PASS) <= 1


def test_blocks_of_several_days_need_as_many_more_days_and_reach_further() -> None:
    days = np.datetime64("2013-05-01", "D") + np.arange(20)
    scores = np.where(np.arange(40) % 8 < 4, 0.62, 0.58)  # good for two days, bad for two
    holdout = dataclasses.replace(make_holdout(days=days), champion=np.where(np.tile([1, 0], 20) == 1, 0.55, 0.45))
    holdout = dataclasses.replace(holdout, challenger=np.where(holdout.y == 1, scores, 1 - scores))
    checks = [
        check_named(
            judge(declare_gate(min_blocks=10, block=block), Task.CLASSIFICATION, holdout, has_champion=True),
            "no_worse_than_champion",
        )
        for block in ("day", "2 days", "3 days")
    ]
    assert [each.status for each in checks] == [GateStatus.PASS, GateStatus.PASS, GateStatus.INSUFFICIENT]
    assert checks[1].upper > checks[0].upper
    assert checks[2].detail == "20 comparable days, 30 needed"
