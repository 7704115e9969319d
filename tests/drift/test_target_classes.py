"""The target of several classes: drift of their shares, and what cannot be judged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from lakeloop.config.metric import Task
from lakeloop.config.monitor import Monitor
from lakeloop.drift.reference import Reference
from lakeloop.drift.target_classes import judge_classes
from lakeloop.drift.targets import TargetDay
from lakeloop.statuses import Status, Verdict

CLASSES = ("on_time", "late", "never")
BEFORE, AFTER = date(2013, 1, 1), date(2013, 4, 2)


def days_of(first: date, days: int, *rows: tuple[int, int, int]) -> list[TargetDay]:
    """Days with these rows per class, one tuple after the other."""
    told = [rows[number % len(rows)] for number in range(days)]
    return [TargetDay(first + timedelta(days=number), sum(each), 0.0, each) for number, each in enumerate(told)]


def reference_of(targets: list[TargetDay]) -> Reference:
    return Reference("m", Task.MULTICLASS, datetime(2013, 4, 1, tzinfo=UTC), (), (), {}, {}, targets=tuple(targets))


def judge(reference: list[TargetDay], window: list[TargetDay]):
    return judge_classes(reference_of(reference), window, CLASSES, Monitor(), seed=0)


USUAL = days_of(BEFORE, 90, (60, 30, 10), (58, 31, 11), (62, 29, 9))


@pytest.mark.parametrize(
    ("window", "value", "verdict"),
    [
        (days_of(AFTER, 7, (60, 30, 10)), 0.0, Verdict.STABLE),
        (days_of(AFTER, 7, (30, 60, 10)), 0.3, Verdict.DRIFT),
        (days_of(AFTER, 7, (60, 10, 30)), 0.2, Verdict.DRIFT),  # the mean of the places moves as well as not
    ],
)
def test_shares_are_judged_as_a_category_is(window: list[TargetDay], value: float, verdict: Verdict) -> None:
    found = judge(USUAL, window)
    assert (found.column, found.kind, found.statistic) == ("label", "category", "total_variation")
    assert found.value == pytest.approx(value, abs=1e-12)
    assert (found.status, found.verdict, found.rows) == (Status.OK, verdict, 700)
    assert found.threshold is not None
    assert found.evidence["reference_shares"][:3] == pytest.approx([0.6, 0.3, 0.1])
    assert found.evidence["judged_columns"] == 1


@pytest.mark.parametrize(
    ("reference", "window", "status"),
    [
        (USUAL, [], Status.EMPTY_WINDOW),
        (USUAL, days_of(AFTER, 7, (0, 0, 0)), Status.EMPTY_WINDOW),
        (USUAL, days_of(AFTER, 7, (2, 1, 0)), Status.TOO_FEW_ROWS),
        (USUAL, days_of(AFTER, 2, (600, 300, 100)), Status.TOO_FEW_BLOCKS),
        (USUAL[:10], days_of(AFTER, 7, (60, 30, 10)), Status.INSUFFICIENT_REFERENCE),
        ([], days_of(AFTER, 7, (60, 30, 10)), Status.INSUFFICIENT_REFERENCE),
    ],
)
def test_what_cannot_be_judged_has_a_status_and_no_verdict(
    reference: list[TargetDay], window: list[TargetDay], status: Status
) -> None:
    found = judge(reference, window)
    assert (found.status, found.verdict, found.threshold) == (status, Verdict.UNKNOWN, None)


def test_a_reference_keeps_its_classes_and_one_without_is_written_as_before() -> None:
    reference = reference_of(USUAL)
    assert Reference.from_json(reference.to_json()) == reference
    assert Reference.from_json(reference.to_json()).targets == tuple(USUAL)
    assert reference.target_shares == pytest.approx((0.6, 0.3, 0.1))
    assert reference_of([]).target_shares is None
    plain = reference_of([TargetDay(BEFORE, 4, 1.0)])
    assert '"targets": [["2013-01-01", 4, 1.0]]' in plain.to_json()
    assert Reference.from_json(plain.to_json()).targets == (TargetDay(BEFORE, 4, 1.0),)
