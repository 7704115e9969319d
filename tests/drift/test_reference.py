from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from lakeloop.config.metric import Task
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import COUNTS_SCHEMA
from lakeloop.drift.reference import Reference, build_reference
from lakeloop.drift.targets import TargetDay
from lakeloop.errors import DistributionError
from tests.drift.factories import FIRST_DAY, make_counts, make_reference

SEATS = ColumnBins("seats", "number", edges=(0.1, 100.0))


def build(counts, bins=(SEATS,), **options) -> Reference:
    defaults = {"model": "m", "task": Task.REGRESSION, "trained_through": datetime(2013, 4, 1, tzinfo=UTC)}
    return build_reference(counts, bins, **(defaults | options))


def test_a_reference_survives_json():
    targets = [TargetDay(FIRST_DAY, 3, 0.1 + 0.2), TargetDay(FIRST_DAY + timedelta(days=1), 1, 1.0)]
    reference = make_reference({"seats": [[1, 2, 0, 0], [0, 0, 3, 1]]}, [SEATS], targets)
    again = Reference.from_json(reference.to_json())
    assert again == reference
    assert hash(again) == hash(reference)
    assert again.bins == (SEATS,)
    assert again.counts["seats"].tolist() == [[1, 2, 0, 0], [0, 0, 3, 1]]
    assert again.targets == tuple(targets)
    assert again != make_reference({"seats": [[1, 2, 0, 0]]}, [SEATS])


def test_target_rate_and_spread_by_hand():
    targets = [TargetDay(FIRST_DAY, 10, 2.0), TargetDay(FIRST_DAY + timedelta(days=1), 30, 12.0)]
    reference = make_reference({"seats": [[1, 0, 0, 0]]}, [SEATS], targets)
    # 14 of 40; daily rates 0.2 and 0.4 lie 0.1 from their mean: sqrt(0.02 / 1)
    assert reference.target_rate == pytest.approx(0.35)
    assert reference.target_spread == pytest.approx(0.02**0.5)


def test_without_labels_there_is_no_rate():
    reference = make_reference({"seats": [[1, 0, 0, 0]]}, [SEATS])
    assert (reference.target_rate, reference.target_spread) == (None, None)


def test_only_the_last_days_are_kept():
    targets = [TargetDay(FIRST_DAY + timedelta(days=day), 1, 1.0) for day in (2, 1, 0)]
    counts = make_counts({"seats": [[1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0]]})
    reference = build(counts, targets=targets, longest=timedelta(days=2))
    assert reference.blocks == (date(2013, 1, 2), date(2013, 1, 3))
    assert reference.counts["seats"][:, 0].tolist() == [2, 3]
    assert [day.block for day in reference.targets] == [date(2013, 1, 2), date(2013, 1, 3)]


def test_a_reference_of_nothing_holds_nothing():
    reference = build(COUNTS_SCHEMA.empty_table(), longest=timedelta(days=2))
    assert (reference.blocks, dict(reference.counts)) == ((), {})
    assert Reference.from_json(reference.to_json()) == reference


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"bins": (SEATS, SEATS)}, "two entries"),
        ({"targets": [TargetDay(FIRST_DAY, 1, 1.0)] * 2}, "appears twice"),
        ({"trained_through": datetime(2013, 4, 1)}, "without offset"),  # noqa: DTZ001 - the mistake under test
    ],
)
def test_wrong_arguments_are_refused(options, problem):
    with pytest.raises(DistributionError, match=problem):
        build(make_counts({"seats": [[1, 0, 0, 0]]}), **options)
