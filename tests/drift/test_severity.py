"""Severity of a drifted column: importance times excess, in words; contract is high; what is not known is null."""

from __future__ import annotations

import json

import pytest

from lakeloop.drift.missing import Missing
from lakeloop.drift.severity import importance_shares, weigh, with_severity
from lakeloop.drift.thresholds import Threshold
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.runs.alarms import _severity
from lakeloop.runs.verdict_rows import drift_row
from lakeloop.statuses import DriftSeverity, Role, Status, Verdict


def verdict(
    value: float | None = 0.3, role: Role = Role.REGIME, said: Verdict = Verdict.DRIFT, **more
) -> ColumnVerdict:
    threshold = None if value is None else 0.2
    return ColumnVerdict("dest", "number", role, "psi", value, threshold, 0.1, Status.OK, said, 400, 0.0, **more)


@pytest.mark.parametrize(
    ("importance", "value", "word", "score"),
    [
        (0.20, 0.2, DriftSeverity.HIGH, 0.20),  # a fifth of the importance, at the threshold
        (0.19, 0.2, DriftSeverity.MEDIUM, 0.19),
        (0.05, 0.2, DriftSeverity.MEDIUM, 0.05),
        (0.04, 0.2, DriftSeverity.LOW, 0.04),
        (0.04, 1.0, DriftSeverity.HIGH, 0.20),  # five times the threshold
        (0.03, 9.9, DriftSeverity.MEDIUM, 0.15),  # beyond five times counts as five times
        (0.0, 9.9, DriftSeverity.LOW, 0.0),
    ],
)
def test_severity_is_importance_times_excess(importance, value, word, score):
    found = weigh(verdict(value), {"dest": importance})
    assert found.word is word
    assert found.score == pytest.approx(score)


def test_a_contract_column_is_high_whatever_is_known_of_it():
    assert weigh(verdict(role=Role.CONTRACT), {"dest": 0.01}).word is DriftSeverity.HIGH
    unknown = weigh(verdict(role=Role.CONTRACT), None)
    assert (unknown.word, unknown.score, unknown.importance) == (DriftSeverity.HIGH, None, None)
    assert unknown.excess == pytest.approx(1.5)


@pytest.mark.parametrize("said", [Verdict.STABLE, Verdict.RECORDED, Verdict.UNKNOWN])
def test_what_does_not_drift_has_no_severity(said):
    same = verdict(said=said, role=Role.SEASONAL)
    assert weigh(same, {"dest": 0.5}) is None
    assert with_severity(same, {"dest": 0.5}) is same


def test_a_column_without_importance_is_not_weighed():
    assert weigh(verdict(), None) is None
    assert weigh(verdict(), {"origin": 1.0}) is None  # a score, or a column that is no input


def test_a_missing_share_that_jumped_is_weighed_without_drift():
    threshold = Threshold(0.05, 0.0, 0.0, 0.0, 0.0, 10, 10.0, 1.0, 2, 3, 0.01, 2.0)
    jumped = Missing(0.2, 0.1, threshold)
    found = weigh(verdict(0.1, Role.CONTRACT, Verdict.STABLE, missing=jumped), {"dest": 0.2})
    assert (found.word, found.excess) == (DriftSeverity.HIGH, 0.5)


@pytest.mark.parametrize("status", [Status.ABSENT_COLUMN, Status.ALL_NULL])
def test_a_contract_column_that_is_gone_is_high_and_another_is_not_weighed(status):
    unjudged = ("psi", None, None, 0.1, status, Verdict.UNKNOWN, 0, None)
    gone = ColumnVerdict("dest", "number", Role.CONTRACT, *unjudged)
    assert weigh(gone, {"dest": 0.1}).word is DriftSeverity.HIGH
    assert weigh(ColumnVerdict("dest", "number", Role.REGIME, *unjudged), {"dest": 0.1}) is None


def test_a_flag_says_the_word_and_the_importance():
    found = with_severity(verdict(role=Role.CONTRACT), {"dest": 0.1})
    assert _severity(found) == {"severity": "high", "importance": 0.1}
    assert _severity(verdict()) == {}


def test_a_threshold_of_nothing_is_as_far_as_it_goes():
    nothing = ColumnVerdict("dest", "number", Role.REGIME, "psi", 0.3, 0.0, 0.0, Status.OK, Verdict.DRIFT, 400, 0.0)
    assert weigh(nothing, {"dest": 0.1}).excess == 5.0


def test_the_row_has_the_word_and_the_evidence_the_numbers():
    row = drift_row(with_severity(verdict(), {"dest": 0.1}), is_prediction=False)
    assert row["severity"] == "medium"
    told = json.loads(row["evidence"])["severity"]
    assert (told["word"], told["importance"]) == ("medium", 0.1)
    assert (told["score"], told["excess"]) == (pytest.approx(0.15), pytest.approx(1.5))


def test_shares_are_of_what_helps_and_nothing_where_nothing_does():
    columns = [{"column": "a", "increase": None, "on_demand": []}, {"column": "b", "increase": -0.1, "on_demand": []}]
    assert importance_shares({"columns": columns}) == {}
    columns += [{"column": "c", "increase": 0.3, "on_demand": ["h", "w"]}, {"column": "d", "increase": 0.1}]
    columns += [{"column": "e", "increase": 0.1, "on_demand": ["h"]}]
    shares = importance_shares({"columns": columns})
    assert shares == pytest.approx({"a": 0, "b": 0, "c": 0.6, "d": 0.2, "e": 0.2, "h": 0.8, "w": 0.6})


def test_a_fifth_of_the_importance_is_high_and_a_twentieth_is_medium():
    assert weigh(verdict(0.2), {"dest": 0.20}).word is DriftSeverity.HIGH
    assert weigh(verdict(0.2), {"dest": 0.05}).word is DriftSeverity.MEDIUM
    assert weigh(verdict(0.2), {"dest": 0.04}).word is DriftSeverity.LOW


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"columns": None},
        {"columns": [{"column": "a", "increase": None}]},
        {"columns": [{"column": "a", "increase": -0.5}, {"column": "b", "increase": 0.0}]},
        {"columns": ["a"]},
    ],
)
def test_without_an_increase_no_importance_is_known(document):
    assert importance_shares(document) == {}
