from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.split import Split
from lakeloop.errors import NotReadyError
from lakeloop.training.folds import make_folds
from lakeloop.training.split import GAP, HOLDOUT, TRAIN, UNUSED, VALIDATION, assign_split


def split_of(validation: int, holdout: int, gap: int, train: int | None = None) -> Split:
    lengths = {"validation": validation, "holdout": holdout, "gap": gap}
    declared = {name: timedelta(days=days) for name, days in lengths.items()}
    return Split(**declared, **({} if train is None else {"train": timedelta(days=train)}))


def days_from(first: str, count: int) -> np.ndarray:
    return np.datetime64(first, "D") + np.arange(count)


def test_one_fold_is_the_split_itself() -> None:
    days, split = days_from("2013-01-01", 20), split_of(3, 4, 1)
    parts = assign_split(days, split, date(2013, 1, 20))
    (fold,) = make_folds(days, parts, split, 1)
    assert (fold.train == (parts == TRAIN)).all()
    assert (fold.validation == (parts == VALIDATION)).all()


def test_three_folds_worked_by_hand() -> None:
    days, split = days_from("2013-01-01", 24), split_of(3, 4, 2)
    parts = assign_split(days, split, date(2013, 1, 24))  # holdout 21-24, gap 19-20, validation 16-18, gap 14-15
    folds = make_folds(days, parts, split, 3)
    assert [(str(days[each.validation].min()), str(days[each.validation].max())) for each in folds] == [
        ("2013-01-10", "2013-01-12"),
        ("2013-01-13", "2013-01-15"),
        ("2013-01-16", "2013-01-18"),
    ]
    assert [str(days[each.train].max()) for each in folds] == ["2013-01-07", "2013-01-10", "2013-01-13"]
    assert [str(days[each.train].min()) for each in folds] == ["2013-01-01"] * 3


def test_too_few_days_for_the_oldest_fold_are_not_ready() -> None:
    days, split = days_from("2013-01-01", 20), split_of(3, 4, 1)
    parts = assign_split(days, split, date(2013, 1, 20))  # trains on 11 days: 1 to 11
    make_folds(days, parts, split, 2)  # the older one on 8
    with pytest.raises(NotReadyError, match=r"fold 1 of 3: 5 closed days with rows to learn from, 3 to judge on"):
        make_folds(days, parts, split, 3)


def test_a_fold_without_rows_to_judge_on_is_not_ready() -> None:
    every, split = days_from("2013-01-01", 30), split_of(3, 4, 1)
    days = every[(every < np.datetime64("2013-01-20")) | (every > np.datetime64("2013-01-22"))]
    parts = assign_split(days, split, date(2013, 1, 30))  # validation 23-25, the fold before it 20-22
    with pytest.raises(NotReadyError, match="fold 1 of 2: 18 closed days with rows to learn from, 0 to judge on"):
        make_folds(days, parts, split, 2)


@given(
    validation=st.integers(1, 5),
    holdout=st.integers(1, 5),
    gap=st.integers(1, 4),
    count=st.integers(1, 6),
    train=st.none() | st.integers(8, 60),
    rows=st.lists(st.integers(0, 79), min_size=60, max_size=200),
)
def test_no_fold_learns_from_what_lies_within_the_gap_or_after(validation, holdout, gap, count, train, rows) -> None:
    split = split_of(validation, holdout, gap, train)
    days = np.datetime64("2013-01-01", "D") + np.array(rows)
    try:
        parts = assign_split(days, split, date(2013, 3, 21))
        folds = make_folds(days, parts, split, count)
    except NotReadyError:
        return
    assert len(folds) == count
    for fold in folds:
        learned, judged = days[fold.train], days[fold.validation]
        assert learned.max() < judged.min() - np.timedelta64(gap, "D")
        assert judged.max() - judged.min() < np.timedelta64(validation, "D")
        assert not np.isin(parts[fold.train | fold.validation], [HOLDOUT, UNUSED]).any()
    for earlier, later in pairwise(folds):
        assert days[earlier.validation].max() < days[later.validation].min()
        assert set(np.unique(days[earlier.train])) <= set(np.unique(days[later.train]))


def test_rows_of_the_gap_are_used_by_earlier_folds_alone() -> None:
    days, split = days_from("2013-01-01", 24), split_of(3, 4, 2)
    parts = assign_split(days, split, date(2013, 1, 24))
    first, second, last = make_folds(days, parts, split, 3)
    between = days[parts == GAP]
    assert not np.isin(days[last.train | last.validation], between).any()
    assert np.isin(days[second.validation], between).any()
    assert not np.isin(days[first.train], between).any()


def test_what_looks_into_the_validation_of_an_older_fold_is_not_learned_from_in_it() -> None:
    days, split = days_from("2013-01-01", 24), split_of(3, 4, 1)
    parts = assign_split(days, split, date(2013, 1, 24))
    midnight = days.astype("datetime64[s]").astype(np.float64)
    late = np.where(days == np.datetime64("2013-01-12"), 3600.0, 0.0)  # an hour after midnight
    whole, _ = make_folds(days, parts, split, 2)
    older, last = make_folds(days, parts, split, 2, seconds=midnight + late, reach=timedelta(days=2))
    start = days[whole.validation].min()
    assert (start, days[whole.train].max()) == (np.datetime64("2013-01-14"), np.datetime64("2013-01-12"))
    assert days[older.train].max() == np.datetime64("2013-01-11")
    assert np.array_equal(last.train, parts == TRAIN)  # the split's own cut is purged where the rows are made
