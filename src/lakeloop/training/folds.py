"""Rolling-origin cross-validation: successive cuts of the rows before the holdout, moving forward in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.split import Split
from lakeloop.errors import Failure, NotReadyError
from lakeloop.training.split import GAP, MIN_TRAIN_DAYS, TRAIN, VALIDATION

_BEFORE_HOLDOUT = (TRAIN, GAP, VALIDATION)


@dataclass(frozen=True)
class Fold:
    """A cut: what is learned from, and what it is judged on.

    Attributes:
        train: Truth per row, shape (n_rows,).
        validation: Truth per row, the same.
    """

    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]


def make_folds(
    days: NDArray[np.datetime64],
    parts: NDArray[np.str_],
    split: Split,
    count: int,
    *,
    seconds: NDArray[np.float64] | None = None,
    reach: timedelta = timedelta(0),
) -> tuple[Fold, ...]:
    """Cut the rows before the holdout, oldest cut first.

    The last cut is the split's own. Each one before it ends where the validation of the next begins: its validation is
    as long, its gap too, and it learns from everything before that gap.

    Args:
        days: Closed day of each row, datetime64[D], shape (n_rows,).
        parts: Part of the split of each row, shape (n_rows,).
        split: Lengths of the parts.
        count: Number of cuts, at least 1.
        seconds: `prediction_ts` as seconds since the epoch, shape (n_rows,); needed where labels look ahead.
        reach: How far after its instant of prediction a label looks: rows whose labels look into the validation of an
            older cut are not learned from in it, as the split's own cut is purged.

    Returns:
        The cuts. Validations share no day, and no training day of a cut lies after, or within the gap before, its
        validation.

    Raises:
        NotReadyError: If a cut has fewer than 7 days to learn from, or no rows to judge on.

    >>> from datetime import date, timedelta
    >>> from lakeloop.training.split import assign_split
    >>> days = np.arange("2013-01-01", "2013-01-18", dtype="datetime64[D]")
    >>> split = Split(validation=timedelta(days=2), holdout=timedelta(days=2), gap=timedelta(days=1))
    >>> folds = make_folds(days, assign_split(days, split, date(2013, 1, 17)), split, 3)
    >>> for fold in folds:
    ...     print(days[fold.train].max(), days[fold.validation].min(), days[fold.validation].max())
    2013-01-07 2013-01-09 2013-01-10
    2013-01-09 2013-01-11 2013-01-12
    2013-01-11 2013-01-13 2013-01-14
    """
    day_of_row = np.asarray(days, dtype="datetime64[D]")
    usable = np.isin(parts, _BEFORE_HOLDOUT)
    folds = [Fold(np.asarray(parts == TRAIN), np.asarray(parts == VALIDATION))]
    if count > 1 and folds[0].validation.any():
        last = day_of_row[folds[0].validation].max()
        for steps in range(1, count):
            end = last - np.timedelta64(steps * split.validation.days, "D")
            start = end - np.timedelta64(split.validation.days, "D")
            learned_until = start - np.timedelta64(split.gap.days, "D")
            judged = usable & (day_of_row > start) & (day_of_row <= end)
            learned = usable & (day_of_row <= learned_until)
            if reach and seconds is not None and judged.any():
                learned &= seconds + reach.total_seconds() <= seconds[judged].min()
            folds.append(Fold(learned, judged))
    folds.reverse()
    _refuse_short(day_of_row, folds)
    return tuple(folds)


def _refuse_short(days: NDArray[np.datetime64], folds: list[Fold]) -> None:
    failures = []
    for number, fold in enumerate(folds, start=1):
        learned, judged = len(np.unique(days[fold.train])), len(np.unique(days[fold.validation]))
        if learned < MIN_TRAIN_DAYS or not judged:
            found = f"{learned} closed days with rows to learn from, {judged} to judge on"
            failures.append(Failure(f"fold {number} of {len(folds)}", f"{found}; {MIN_TRAIN_DAYS} and 1 are needed"))
    if failures:
        remedy = "wait for more closed days, or declare fewer estimator.tuning.folds or a shorter split.validation"
        raise NotReadyError("the cross-validation", failures, remedy)
