"""What a training read would bring, part by part, and what is told when that is too much."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from lakeloop.config.split import Split
from lakeloop.errors import BudgetError
from lakeloop.runs.training_read import TrainingRead, declared_fraction, plan_read
from lakeloop.training.sampling import Sample

FIRST = date(2024, 1, 1)
KIB = 1024


def split(**more: object) -> Split:
    return Split.model_validate({"validation": "5 days", "holdout": "5 days", **more})


def counts(train_days: int = 40, rows: int = 1024, unused_days: int = 0) -> dict[tuple[str, date], int]:
    """So many rows on each day: unused, train, a gap of one day, 5 of validation, a gap, 5 of holdout."""
    lengths = {"unused": unused_days, "train": train_days, "gap": 1, "validation": 5, "gap again": 1, "holdout": 5}
    parts = [part.removesuffix(" again") for part, days in lengths.items() for _ in range(days)]
    return {(part, FIRST + timedelta(days=day)): rows for day, part in enumerate(parts)}


def plan(by_day: dict[tuple[str, date], int], declared: Split, **changes: Any) -> TrainingRead:
    """With a row of a KiB, 1024 rows are a MiB."""
    known = {"seed": 7, "reference_from": date(2024, 2, 1), "row_bytes": KIB, "budget": 100, "is_distributed": False}
    return plan_read("training set 1", by_day, declared, **{**known, **changes})


def test_what_fits_is_told_part_by_part() -> None:
    read = plan(counts(), split())
    assert dict(read.rows) == {"gap": 2048, "holdout": 5120, "train": 40960, "validation": 5120}
    assert read.mib == 52
    assert read.sample.fraction == 1.0
    assert read.told == (
        "gap: 2048 rows, holdout: 5120 rows, train: 40960 rows, validation: 5120 rows; about 52 MiB in all"
    )


def test_a_sample_thins_the_training_rows_alone() -> None:
    read = plan(counts(), split(sample=0.25))
    assert dict(read.rows) == {"gap": 2048, "holdout": 5120, "train": 10240, "validation": 5120}
    assert read.mib == 22
    assert read.told.startswith("gap: 2048 rows, holdout: 5120 rows, train: about 10240 of 40960 rows")


def test_a_sample_by_rows_is_their_share_of_the_training_rows() -> None:
    assert plan(counts(), split(sample={"rows": 4096})).sample == Sample(0.1, seed=7)
    assert declared_fraction(split(sample={"rows": 10}), 5) == 1.0  # there are no more
    assert declared_fraction(split(sample={"rows": 10}), 0) == 1.0
    assert declared_fraction(split(), 5) == 1.0


def test_rows_before_the_training_stretch_are_read_only_where_the_reference_covers_them() -> None:
    """Of 20 unused days the last 10 are in the reference."""
    by_day = counts(train_days=10, unused_days=20)
    assert plan(by_day, split(), reference_from=FIRST + timedelta(days=10)).rows["unused"] == 10 * 1024
    assert "unused" not in plan(by_day, split(), reference_from=FIRST + timedelta(days=20)).rows


def test_the_budget_is_reached_and_not_crossed() -> None:
    assert plan(counts(), split(), budget=52).mib == 52
    with pytest.raises(BudgetError):
        plan(counts(), split(), budget=51)


def test_what_does_not_fit_is_told_with_what_would() -> None:
    """12 MiB are read whole: 28 of 40 are left for 40 MiB of training rows, and a MiB less a row is cut off."""
    with pytest.raises(BudgetError) as refused:
        plan(counts(), split(), budget=40)
    assert str(refused.value).splitlines() == [
        "training set 1: over the memory budget",
        "  - memory: about 52 MiB are needed, memory_budget_mib allows 40",
        "  - train: 40960 rows, about 40 MiB",
        "  - holdout: 5120 rows, about 5 MiB",
        "  - validation: 5120 rows, about 5 MiB",
        "  - gap: 2048 rows, about 2 MiB",
        "  remedy: one of: split.sample: 0.72 (about 40 MiB); estimator.distributed: true with xgboost.XGBClassifier "
        "or xgboost.XGBRegressor, which fits where the training rows are; split.train: 28 days, for sets that are "
        "pinned from then on; memory_budget_mib: 52 in project.yml, where the machine has it; or fewer features",
    ]


@pytest.mark.parametrize("budget", range(13, 52))
def test_every_remedy_that_is_told_brings_it_under(budget: int) -> None:
    with pytest.raises(BudgetError) as refused:
        plan(counts(), split(), budget=budget)
    remedy = refused.value.remedy
    fraction = float(remedy.partition("split.sample: ")[2].split()[0])
    assert plan(counts(), split(sample=fraction), budget=budget).mib <= budget
    assert plan(counts(), split(), budget=int(remedy.partition("memory_budget_mib: ")[2].split()[0]))
    days = remedy.partition("split.train: ")[2]
    if days:
        n = int(days.split()[0])
        assert plan(counts(n, unused_days=40 - n), split(), budget=budget, reference_from=date(2024, 2, 11))


def test_a_stretch_too_short_to_train_on_is_no_remedy() -> None:
    """Room for 6 days of training rows; 7 are the least."""
    with pytest.raises(BudgetError) as refused:
        plan(counts(), split(), budget=18)
    assert "split.train" not in refused.value.remedy
    assert "split.sample: 0.17" in refused.value.remedy


def test_a_sample_that_is_too_large_is_told_a_smaller_one() -> None:
    with pytest.raises(BudgetError) as refused:
        plan(counts(), split(sample=0.9), budget=40)
    assert "about 48 MiB are needed" in str(refused.value)
    assert "split.sample: 0.72" in refused.value.remedy


def test_parts_that_are_read_whole_and_do_not_fit_leave_no_sample() -> None:
    with pytest.raises(BudgetError) as refused:
        plan(counts(), split(), budget=10)
    assert refused.value.remedy == (
        "one of: a shorter split.validation, split.calibration or split.holdout, which with the gaps need 12 MiB alone"
        "; "
        "memory_budget_mib: 52 in project.yml, where the machine has it; or fewer features"
    )


def test_a_tiny_share_is_told_with_two_digits() -> None:
    by_day = {("train", FIRST): 10**9, ("validation", FIRST + timedelta(days=2)): 1024}
    with pytest.raises(BudgetError) as refused:
        plan(by_day, split(), budget=2)
    assert "split.sample: 2e-06 (about 2 MiB)" in refused.value.remedy


def test_a_distributed_fit_brings_as_many_training_rows_as_fit() -> None:
    read = plan(counts(), split(), budget=40, is_distributed=True)
    assert read.sample.fraction == 0.7249  # 28 MiB and all but a row of the next, of 40
    assert read.mib == 40
    assert plan(counts(), split(), is_distributed=True).sample.fraction == 1.0
    assert plan(counts(), split(sample=0.5), budget=40, is_distributed=True).sample.fraction == 0.5


def test_a_distributed_fit_needs_rows_for_its_preprocessing() -> None:
    """Beside 12 MiB there is room for 1023 rows of the next: enough; with the budget below for none."""
    assert plan(counts(), split(), budget=12, is_distributed=True).rows["train"] == 1023
    with pytest.raises(BudgetError) as refused:
        plan(counts(), split(), budget=11, is_distributed=True)
    assert refused.value.remedy.startswith("one of: a shorter split.validation, split.calibration or split.holdout")


def test_no_training_rows_divide_nothing() -> None:
    by_day = {("validation", FIRST): 100}
    assert plan(by_day, split(sample={"rows": 5}), is_distributed=True).sample.fraction == 1.0
    with pytest.raises(BudgetError):
        plan({("validation", FIRST): 100_000}, split(), budget=1)


def test_the_read_from_files_keeps_what_it_says() -> None:
    """Every part with an id in the sample and one outside; the days around the reference's first."""
    sample = Sample(0.25, seed=7)
    inside = sample.ranges[0].low
    outside = f"{(int(inside, 16) + 16**31 * 8) % 16**32:032x}"
    before, on = date(2024, 1, 31), date(2024, 2, 1)
    rows = [
        (part, row_id, day)
        for part in ("train", "gap", "validation", "calibration", "holdout", "unused")
        for row_id in (inside, outside)
        for day in (before, on)
    ]
    names = ("_split", "prediction_id", "block_date")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    kept = table.filter(TrainingRead(sample, on, {}, {}, mib=0).on_arrow)
    expected = [
        row
        for row in rows
        if row[0] not in ("train", "unused") or (row[1] == inside and (row[0] == "train" or row[2] == on))
    ]
    assert list(zip(*(kept[name].to_pylist() for name in names), strict=True)) == expected
