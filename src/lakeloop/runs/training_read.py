"""What a training read brings to the driver, part by part, told before a row is read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import and_, or_

import pyarrow.compute as pc
from pyspark.sql import Column
from pyspark.sql import functions as F

from lakeloop.config.estimator import DISTRIBUTED_CLASSES
from lakeloop.config.split import SampleRows, Split
from lakeloop.errors import BudgetError, Failure
from lakeloop.runs.engine import MIB
from lakeloop.training.sampling import HashRange, Sample
from lakeloop.training.split import MIN_TRAIN_DAYS, TRAIN, UNUSED

RowsByDay = Mapping[tuple[str, date], int]
"""Part of the split and day -> rows."""

_ID, _PART, _DAY = "prediction_id", "_split", "block_date"

MIN_PREPARED = 1000
"""Training rows that a distributed fit needs here at least, to fit the preprocessing on; all, where there are fewer."""


@dataclass(frozen=True)
class TrainingRead:
    """Which rows of a training set are read, and how many they are.

    The parts that are judged on are read whole. The sample is taken of the training rows, and of those rows before the
    training stretch that the reference still covers.

    Attributes:
        sample: Which rows are taken of those.
        reference_from: First day of the reference.
        rows: Part of the split -> rows that will be read, about.
        of: Part of the split -> rows that are stored.
        mib: What they need in memory.

    >>> read = TrainingRead(Sample(0.25, seed=7), date(2024, 1, 1), {"train": 100}, {"train": 400}, mib=1)
    >>> read.told
    'train: about 100 of 400 rows; about 1 MiB in all'
    """

    sample: Sample
    reference_from: date
    rows: Mapping[str, int]
    of: Mapping[str, int]
    mib: int

    @property
    def told(self) -> str:
        """The estimate in words."""
        parts = (
            f"{part}: about {rows} of {self.of[part]} rows" if rows != self.of[part] else f"{part}: {rows} rows"
            for part, rows in self.rows.items()
        )
        return f"{', '.join(parts)}; about {self.mib} MiB in all"

    @property
    def on_arrow(self) -> pc.Expression:
        """What rows have to keep that are read from files; texts are compared, so that whole files are passed over.

        >>> "prediction_id" in str(TrainingRead(Sample(0.25, seed=7), date(2024, 1, 1), {}, {}, mib=1).on_arrow)
        True
        """
        part, row_id = pc.field(_PART), pc.field(_ID)

        def within(ids: HashRange) -> pc.Expression:
            above = row_id >= ids.low
            return above if ids.below is None else above & (row_id < ids.below)

        thinned = (part == TRAIN) | ((part == UNUSED) & (pc.field(_DAY) >= pc.scalar(self.reference_from)))
        return ~part.isin([TRAIN, UNUSED]) | (thinned & reduce(or_, map(within, self.sample.ranges)))

    @property
    def on_spark(self) -> Column:
        """The same for rows that are read by Spark.

        >>> read = TrainingRead(Sample(0.25, seed=7), date(2024, 1, 1), {}, {}, mib=1)
        >>> rows = spark.sql("select 'gap' as _split, '00' as prediction_id, date'2024-01-01' as block_date")
        >>> rows.where(read.on_spark).count()
        1
        """
        part = F.col(_PART)
        thinned = (part == TRAIN) | ((part == UNUSED) & (F.col(_DAY) >= F.lit(self.reference_from)))
        return ~part.isin(TRAIN, UNUSED) | (thinned & ids_on_spark(self.sample))


def ids_on_spark(sample: Sample) -> Column:
    """Give what the rows of a sample keep.

    Args:
        sample: The sample.

    Returns:
        A condition on `prediction_id`.

    >>> rows = spark.sql("select explode(array('00', '7f', 'ff')) as prediction_id")
    >>> rows.where(ids_on_spark(Sample(0.5, seed=7))).count() == sum(map(Sample(0.5, seed=7).holds, ("00", "7f", "ff")))
    True
    """
    row_id = F.col(_ID)
    bounds = [[row_id >= each.low, *([] if each.below is None else [row_id < each.below])] for each in sample.ranges]
    return reduce(or_, (reduce(and_, each) for each in bounds))


def declared_fraction(split: Split, train_rows: int) -> float:
    """Tell the share of the training rows that is trained on.

    Args:
        split: The declaration.
        train_rows: Training rows there are.

    Returns:
        A share in (0, 1].

    >>> days = {"validation": "3 days", "holdout": "3 days"}
    >>> [declared_fraction(Split.model_validate({**days, **more}), 200) for more in ({}, {"sample": {"rows": 50}})]
    [1.0, 0.25]
    """
    if split.sample is None or not train_rows:
        return 1.0
    if isinstance(split.sample, SampleRows):
        return min(1.0, split.sample.rows / train_rows)
    return split.sample


def plan_read(
    what: str,
    counts: RowsByDay,
    split: Split,
    *,
    seed: int,
    reference_from: date,
    row_bytes: int,
    budget: int,
    is_distributed: bool,
) -> TrainingRead:
    """Decide which rows of a training set are read.

    Args:
        what: The training set, for messages.
        counts: Its rows by part and day.
        split: The declaration.
        seed: Seed of the sample.
        reference_from: First day of the reference.
        row_bytes: What a row needs in memory.
        budget: Most MiB.
        is_distributed: Whether the training rows are fitted on Spark: then only as many of them are read as fit.

    Returns:
        The read; its estimate is within the budget.

    Raises:
        BudgetError: If it is not, with what would bring it under.

    >>> counts = {("train", date(2024, 1, 1)): 9000, ("validation", date(2024, 1, 3)): 1000}
    >>> split = Split.model_validate({"validation": "1 day", "holdout": "1 day"})
    >>> size = {"row_bytes": 10240, "budget": 59, "seed": 7, "reference_from": date(2024, 1, 1)}
    >>> plan_read("set", counts, split, **size, is_distributed=True).told
    'train: about 5143 of 9000 rows, validation: 1000 rows; about 59 MiB in all'
    >>> try:
    ...     plan_read("set", counts, split, **size, is_distributed=False)
    ... except BudgetError as error:
    ...     print(error.failures[0])
    memory: about 97 MiB are needed, memory_budget_mib allows 59
    """
    of: Counter[str] = Counter()
    for (part, day), rows in counts.items():
        if part != UNUSED or day >= reference_from:
            of[part] += rows
    size = _Size(of[TRAIN] + of[UNUSED], sum(of.values()) - of[TRAIN] - of[UNUSED], row_bytes, budget)
    fraction = declared_fraction(split, of[TRAIN])
    if is_distributed and size.thinned and size.left >= min(MIN_PREPARED, size.thinned):
        fraction = min(fraction, _floor(size.left / size.thinned, 4))
    read = {part: round(fraction * rows) if part in (TRAIN, UNUSED) else rows for part, rows in sorted(of.items())}
    needed = size.mib(sum(read.values()))
    if needed <= budget:
        return TrainingRead(Sample(fraction, seed), reference_from, read, dict(of), needed)
    told = [Failure("memory", f"about {needed} MiB are needed, memory_budget_mib allows {budget}")]
    for part, rows in sorted(read.items(), key=lambda each: -each[1]):
        told.append(Failure(part, f"{rows} rows, about {size.mib(rows)} MiB"))
    declared = 1.0 if is_distributed else fraction
    ways = _ways_under(size, counts, declared, needed, is_distributed=is_distributed)
    raise BudgetError(what, told, f"one of: {'; '.join(ways)}; or fewer features")


@dataclass(frozen=True)
class _Size:
    """Rows that a sample is taken of, rows that are read whole, and what there is room for."""

    thinned: int
    whole: int
    row_bytes: int
    budget: int

    def mib(self, rows: int) -> int:
        return rows * self.row_bytes // MIB

    @property
    def left(self) -> int:
        """Rows that fit beside those that are read whole; negative where these alone do not fit."""
        return ((self.budget + 1) * MIB - 1) // self.row_bytes - self.whole


def _ways_under(size: _Size, counts: RowsByDay, declared: float, needed: int, *, is_distributed: bool) -> Iterator[str]:
    """Tell what would bring a read under the budget, the estimate of each beside it."""
    if size.left < 0:
        parts = "split.validation, split.calibration or split.holdout"
        yield f"a shorter {parts}, which with the gaps need {size.mib(size.whole)} MiB alone"
    elif not is_distributed:
        fraction = min(declared, _floor(size.left / size.thinned, 2) if size.thinned else 0.0)
        if fraction > 0:
            yield f"split.sample: {fraction:g} (about {size.mib(size.whole + round(fraction * size.thinned))} MiB)"
        if size.left >= min(MIN_PREPARED, size.thinned):
            fitted = " or ".join(DISTRIBUTED_CLASSES)
            yield f"estimator.distributed: true with {fitted}, which fits where the training rows are"
        days = _days_that_fit(counts, size.left)
        if days >= MIN_TRAIN_DAYS:
            yield f"split.train: {days} days, for sets that are pinned from then on"
    yield f"memory_budget_mib: {needed} in project.yml, where the machine has it"


def _days_that_fit(counts: RowsByDay, left: int) -> int:
    """Tell how many of the newest training days fit, counted as calendar days."""
    by_day = Counter({day: rows for (part, day), rows in counts.items() if part == TRAIN})
    taken, fitting = 0, None
    for day in sorted(by_day, reverse=True):
        taken += by_day[day]
        if taken > left:
            break
        fitting = day
    return 0 if fitting is None else (max(by_day) - fitting) // timedelta(days=1) + 1


def _floor(fraction: float, digits: int) -> float:
    """Round a fraction down: to so many digits behind the point, or so many that are not 0 where it is below that."""
    if not 0 < fraction < 1:
        return min(1.0, max(0.0, fraction))
    scale = 10.0 ** max(digits, digits - 1 - math.floor(math.log10(fraction)))
    return math.floor(fraction * scale) / scale
