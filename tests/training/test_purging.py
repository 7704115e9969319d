"""Days whose labels look into the time of a later part are in no part."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from lakeloop.errors import NotReadyError
from lakeloop.training.purging import DayOfLabels, assert_enough_left, find_looking_ahead
from lakeloop.training.split import CALIBRATION, GAP, HOLDOUT, TRAIN, VALIDATION

DAY = timedelta(days=1)
FIRST = date(2013, 5, 1)


def days(parts: str, *, hours: tuple[int, int] = (0, 0)) -> tuple[dict[date, str], list[DayOfLabels]]:
    """One day per letter: t, g, v, c, h; predicted at the hours of the day, first and last."""
    names = {"t": TRAIN, "g": GAP, "v": VALIDATION, "c": CALIBRATION, "h": HOLDOUT}
    part_of = {FIRST + number * DAY: names[letter] for number, letter in enumerate(parts)}
    first, last = (timedelta(hours=each) for each in hours)
    midnights = {day: datetime(day.year, day.month, day.day, tzinfo=UTC) for day in part_of}
    counted = [DayOfLabels(day, "MATURED", 1, 0, at + first, at + last) for day, at in midnights.items()]
    return part_of, counted


@pytest.mark.parametrize(
    ("parts", "hours", "reach", "purged"),
    [
        ("ttggvgghh", (0, 0), 3 * DAY, ""),  # ends at the very instant of the first later prediction
        ("ttggvgghh", (0, 1), 3 * DAY, "2 5"),
        ("ttggvgghh", (0, 23), 2 * DAY, ""),
        ("tttvhh", (0, 0), 2 * DAY, "3 4"),
        ("tttvhh", (0, 0), timedelta(0), ""),  # by id
        ("tttthh", (0, 0), 3 * DAY, "3 4"),  # without validation it is the holdout
        ("ttvchh", (0, 0), 2 * DAY, "2 3 4"),  # also what probabilities are corrected on
        ("tggvg", (0, 0), 9 * DAY, "1"),  # nothing comes after validation
    ],
)
def test_what_looks_into_a_later_part_is_purged(
    parts: str, hours: tuple[int, int], reach: timedelta, purged: str
) -> None:
    part_of, counted = days(parts, hours=hours)
    expected = [int(each) for each in purged.split()]
    assert [day.day for day in find_looking_ahead(part_of, counted, reach)] == expected


def test_days_without_rows_of_a_part_are_no_matter() -> None:
    part_of, counted = days("tvh")
    void = DayOfLabels(date(2013, 4, 1), "VOID", 1, 0, counted[0].first_ts, counted[0].last_ts)
    assert find_looking_ahead(part_of, [*counted, void], DAY) == ()


def test_a_split_of_which_too_little_is_left_is_not_ready() -> None:
    part_of, _ = days("ttttttvh")
    assert_enough_left(part_of, [])  # the split itself has judged that
    with pytest.raises(NotReadyError, match="6 closed days with rows, 7 needed, and 1 look too far ahead"):
        assert_enough_left(part_of, [FIRST])
    part_of, _ = days("tttttttvh")
    assert_enough_left(part_of, [FIRST])
    with pytest.raises(NotReadyError, match="calibration: 0 closed days with rows, 1 needed"):
        assert_enough_left(part_of, [FIRST], calibrates=True)
