from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.split import Split
from lakeloop.errors import DistributionError, NotReadyError
from lakeloop.training.split import assign_split

SPLIT = Split.model_validate({"validation": "3 days", "holdout": "4 days", "gap": "2 days"})


def calendar(first: str, last: str) -> np.ndarray:
    return np.arange(np.datetime64(first), np.datetime64(last) + 1)


def test_every_boundary_worked_by_hand() -> None:
    parts = assign_split(calendar("2013-01-01", "2013-01-31"), SPLIT, date(2013, 1, 31))
    expected = ["train"] * 20 + ["gap"] * 2 + ["validation"] * 3 + ["gap"] * 2 + ["holdout"] * 4
    assert parts.tolist() == expected  # train to the 20th, validation 23rd to 25th, holdout from the 28th


def test_calibration_has_days_and_a_gap_of_its_own() -> None:
    split = SPLIT.model_copy(update={"calibration": timedelta(days=5)})
    parts = assign_split(calendar("2013-01-01", "2013-01-31"), split, date(2013, 1, 31))
    expected = ["train"] * 13 + ["gap"] * 2 + ["validation"] * 3 + ["gap"] * 2 + ["calibration"] * 5 + ["gap"] * 2
    assert parts.tolist() == expected + ["holdout"] * 4


def test_calibration_without_rows_is_not_ready() -> None:
    split = SPLIT.model_copy(update={"calibration": timedelta(days=1)})
    days = calendar("2013-01-01", "2013-01-31")
    with pytest.raises(NotReadyError, match="calibration: 0 closed days with rows, 1 needed"):
        assign_split(days[days != np.datetime64("2013-01-25")], split, date(2013, 1, 31))


def test_what_is_not_declared_is_not_in_the_fingerprint() -> None:
    declared = Split.model_validate({"validation": "3 days", "holdout": "4 days"})
    assert sorted(declared.model_dump(mode="json")) == ["gap", "holdout", "train", "validation"]


def test_a_fixed_training_stretch_leaves_the_days_before_it_unused() -> None:
    split = SPLIT.model_copy(update={"train": timedelta(days=8)})
    parts = assign_split(calendar("2013-01-01", "2013-01-31"), split, date(2013, 1, 31))
    assert parts.tolist()[:20] == ["unused"] * 12 + ["train"] * 8


def test_days_without_rows_count() -> None:
    days = calendar("2013-01-01", "2013-01-31")
    without = np.setdiff1d(days, np.array(["2013-01-23", "2013-01-29"], dtype="datetime64[D]"))
    parts = assign_split(without, SPLIT, date(2013, 1, 31))
    assert (parts == "validation").sum() == 2
    assert (parts == "holdout").sum() == 3


def test_the_holdout_ends_with_the_last_closed_day_even_when_it_has_no_rows() -> None:
    parts = assign_split(calendar("2013-01-01", "2013-01-30"), SPLIT, date(2013, 1, 31))
    assert parts.tolist()[-3:] == ["holdout"] * 3


def test_rows_keep_their_order() -> None:
    days = calendar("2013-01-01", "2013-01-31")[::-1].repeat(2)
    assert assign_split(days, SPLIT, date(2013, 1, 31)).tolist()[:9] == ["holdout"] * 8 + ["gap"]


def test_a_day_after_the_last_closed_one_is_refused() -> None:
    with pytest.raises(DistributionError, match="1 of 31 rows are of days after the last closed day, 2013-01-30"):
        assign_split(calendar("2013-01-01", "2013-01-31"), SPLIT, date(2013, 1, 30))


def test_a_missing_day_is_refused() -> None:
    with pytest.raises(DistributionError, match="1 of 2 rows have no day"):
        assign_split(np.array(["2013-01-01", "NaT"], dtype="datetime64[D]"), SPLIT, date(2013, 1, 31))


def test_seven_days_of_training_are_enough_and_six_are_not() -> None:
    assert (assign_split(calendar("2013-01-14", "2013-01-31"), SPLIT, date(2013, 1, 31)) == "train").sum() == 7
    with pytest.raises(NotReadyError, match="train: 6 closed days with rows, 7 needed") as caught:
        assign_split(calendar("2013-01-15", "2013-01-31"), SPLIT, date(2013, 1, 31))
    assert "wait for more closed days (17 have rows, the last is 2013-01-31)" in str(caught.value)
    assert [failure.name for failure in caught.value.failures] == ["train"]


def test_no_rows_at_all_are_not_ready_in_every_part() -> None:
    with pytest.raises(NotReadyError) as caught:
        assign_split(np.empty(0, dtype="datetime64[D]"), SPLIT, date(2013, 1, 31))
    assert [failure.name for failure in caught.value.failures] == ["train", "validation", "holdout"]


@given(
    validation=st.integers(1, 10),
    holdout=st.integers(1, 10),
    gap=st.integers(0, 3),
    train=st.one_of(st.none(), st.integers(7, 30)),
)
def test_the_parts_have_their_lengths_and_their_order(validation: int, holdout: int, gap: int, train) -> None:
    split = Split(
        train="all past" if train is None else timedelta(days=train),
        validation=timedelta(days=validation),
        holdout=timedelta(days=holdout),
        gap=timedelta(days=gap),
    )
    parts = assign_split(calendar("2013-01-01", "2013-03-11"), split, date(2013, 3, 11)).tolist()
    rest = 70 - validation - holdout - 2 * gap
    trained = rest if train is None else min(train, rest)
    expected = ["unused"] * (rest - trained) + ["train"] * trained + ["gap"] * gap + ["validation"] * validation
    assert parts == expected + ["gap"] * gap + ["holdout"] * holdout
