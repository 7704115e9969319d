"""Purging: days whose labels look into the time of a later part of the split are in no part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lakeloop.errors import Failure, NotReadyError
from lakeloop.training.split import CALIBRATION, HOLDOUT, MIN_TRAIN_DAYS, TRAIN, VALIDATION

_LATER = {TRAIN: (VALIDATION, CALIBRATION, HOLDOUT), VALIDATION: (CALIBRATION, HOLDOUT), CALIBRATION: (HOLDOUT,)}


@dataclass(frozen=True)
class DayOfLabels:
    """Rows of a closed day with one label status.

    Attributes:
        block_date: The day.
        label_status: MATURED or VOID.
        rows: How many there are.
        conflicts: Of how many rows of the label's source disagree.
        first_ts: Their earliest instant of prediction.
        last_ts: Their latest.
    """

    block_date: date
    label_status: str
    rows: int
    conflicts: int
    first_ts: datetime
    last_ts: datetime


def find_looking_ahead(part_of: Mapping[date, str], days: Iterable[DayOfLabels], reach: timedelta) -> tuple[date, ...]:
    """Find the days before the holdout whose labels look into the predictions of a later part.

    The gap of the split, which is declared in calendar days, keeps them apart as a rule. It is less than the stretch a
    label looks ahead where clocks change, and where the day of a row is not that of its prediction.

    Args:
        part_of: Day -> part of the split.
        days: What there is of each day.
        reach: How far after its instant of prediction a label looks.

    Returns:
        The days, in order. One whose labels end at the very instant of the first later prediction is none of them.

    >>> from datetime import UTC
    >>> def of(day, hour):
    ...     at = datetime(2013, 5, day, hour, tzinfo=UTC)
    ...     return DayOfLabels(date(2013, 5, day), "MATURED", 1, 0, at, at)
    >>> part_of = {date(2013, 5, 1): TRAIN, date(2013, 5, 2): TRAIN, date(2013, 5, 4): VALIDATION}
    >>> find_looking_ahead(part_of, [of(1, 12), of(2, 13), of(4, 12)], timedelta(days=2))
    (datetime.date(2013, 5, 2),)
    """
    if not reach:
        return ()
    first: dict[str, datetime] = {}
    last: dict[date, datetime] = {}
    for each in days:
        part = part_of.get(each.block_date)
        if part is not None:
            first[part] = min(first.get(part, each.first_ts), each.first_ts)
            last[each.block_date] = max(last.get(each.block_date, each.last_ts), each.last_ts)
    starts = {part: [first[each] for each in later if each in first] for part, later in _LATER.items()}
    return tuple(
        day
        for day, part in sorted(part_of.items())
        if part in starts and any(last[day] + reach > start for start in starts[part])
    )


def assert_enough_left(part_of: Mapping[date, str], purged: Iterable[date], *, calibrates: bool = False) -> None:
    """Refuse a split of which purging left too little.

    Args:
        part_of: Day -> part of the split, the purged days out of it.
        purged: The days that were purged.
        calibrates: Whether the split has a part to calibrate on.

    Raises:
        NotReadyError: If fewer than 7 days are left to train on, or none to validate or, where it does, calibrate on.

    >>> assert_enough_left({}, [])
    """
    count = len(tuple(purged))
    if not count:
        return
    needed = {TRAIN: MIN_TRAIN_DAYS, VALIDATION: 1} | ({CALIBRATION: 1} if calibrates else {})
    found = {part: sum(each == part for each in part_of.values()) for part in needed}
    failures = [
        Failure(part, f"{found[part]} closed days with rows, {least} needed, and {count} look too far ahead")
        for part, least in needed.items()
        if found[part] < least
    ]
    if failures:
        raise NotReadyError("the split", failures, "wait for more closed days, or declare a longer gap of the split")
