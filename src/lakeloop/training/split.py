"""The time-ordered split of a training set by whole days."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.split import Split
from lakeloop.errors import DistributionError, Failure, NotReadyError

MIN_TRAIN_DAYS = 7
"""Days with rows that the training part needs at least."""

TRAIN, GAP, VALIDATION, HOLDOUT, UNUSED = "train", "gap", "validation", "holdout", "unused"
CALIBRATION = "calibration"


def _days(length: timedelta) -> np.timedelta64:
    return np.timedelta64(length // timedelta(days=1), "D")


def _backwards(split: Split) -> list[tuple[str, timedelta]]:
    """List the parts that are held out from training, the last one first."""
    parts = ((HOLDOUT, split.holdout), (CALIBRATION, split.calibration), (VALIDATION, split.validation))
    return [(name, length) for name, length in parts if length is not None]


def assign_split(days: NDArray[np.datetime64], split: Split, last_closed_day: date) -> NDArray[np.str_]:
    """Tell for each row which part of the split it belongs to.

    Counted in calendar days backwards from the last closed day, itself included: holdout | gap | calibration | gap |
    validation | gap | train, without calibration and its gap where it is not declared. Days without rows count too.

    Args:
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        split: Lengths of the parts.
        last_closed_day: Last day whose labels are final; the last of the holdout.

    Returns:
        `train`, `gap`, `validation`, `calibration`, `holdout`, or `unused` before a training stretch of fixed length,
        shape (n_rows,).

    Raises:
        DistributionError: If a day is missing or after `last_closed_day`.
        NotReadyError: If fewer than 7 days with rows are left to train on, or another part has no rows.

    >>> days = np.arange("2013-01-01", "2013-01-13", dtype="datetime64[D]")
    >>> one_day_each = Split(validation=timedelta(days=1), holdout=timedelta(days=2), gap=timedelta(days=1))
    >>> assign_split(days, one_day_each, date(2013, 1, 12))[6:].tolist()
    ['train', 'gap', 'validation', 'gap', 'holdout', 'holdout']
    """
    day_of_row = np.asarray(days, dtype="datetime64[D]")
    last = np.datetime64(last_closed_day, "D")
    if np.isnat(day_of_row).any():
        raise DistributionError("days", f"{int(np.isnat(day_of_row).sum())} of {day_of_row.size} rows have no day")
    if (day_of_row > last).any():
        late = int((day_of_row > last).sum())
        raise DistributionError(
            "days", f"{late} of {day_of_row.size} rows are of days after the last closed day, {last}"
        )

    parts = np.full(day_of_row.shape, UNUSED, dtype="<U11")
    ends: np.datetime64[date | int | None] = last
    for name, length in _backwards(split):
        parts[day_of_row <= ends] = name
        ends -= _days(length)
        parts[day_of_row <= ends] = GAP
        ends -= _days(split.gap)
    parts[day_of_row <= ends] = TRAIN
    if not isinstance(split.train, str):
        parts[day_of_row <= ends - _days(split.train)] = UNUSED

    needed = {TRAIN: MIN_TRAIN_DAYS} | {name: 1 for name, _ in reversed(_backwards(split))}
    found = {part: len(np.unique(day_of_row[parts == part])) for part in needed}
    failures = [
        Failure(part, f"{found[part]} closed days with rows, {least} needed")
        for part, least in needed.items()
        if found[part] < least
    ]
    if failures:
        total = len(np.unique(day_of_row))
        remedy = (
            f"wait for more closed days ({total} have rows, the last is {last}), or declare shorter parts of the split"
        )
        raise NotReadyError("the split", failures, remedy)
    return parts
