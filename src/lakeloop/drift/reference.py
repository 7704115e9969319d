"""The reference: the profile of the data a champion was accepted on, day by day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lakeloop.config.metric import Task
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.counts import lay_out_daily
from lakeloop.drift.slicing import Slicing
from lakeloop.drift.targets import TargetDay
from lakeloop.errors import DistributionError

SCORE_COLUMN = "score"
"""Name under which the model's score is binned; a column like any other. Of several classes: of the predicted one."""

CLASS_COLUMN = "predicted_class"
"""Name under which the class that is predicted is binned, where there are several."""


def is_prediction(task: Task, column: str) -> bool:
    """Tell whether a monitored column is what the model answered.

    >>> is_prediction(Task.MULTICLASS, "predicted_class"), is_prediction(Task.CLASSIFICATION, "predicted_class")
    (True, False)
    """
    return column == SCORE_COLUMN or (task is Task.MULTICLASS and column == CLASS_COLUMN)


@dataclass(frozen=True, eq=False)
class Reference:
    """What a window is compared with. Two references are equal when their JSON is.

    Attributes:
        model: The model's name.
        task: Kind of label.
        trained_through: Greatest availability of anything that touched the model; an aware instant.
        bins: Frozen bins, one entry per column.
        blocks: Days with rows, ascending.
        counts: Column -> rows per day and bin, shape [n_blocks, n_bins]. A column without rows is not in it.
        totals: Column -> sum of the finite values per day, shape [n_blocks].
        targets: Labels per closed day, ascending.
        slicings: How the rows were sliced.
        slices: Slice key and value -> column -> rows per bin, over all days. A slice without rows is not in it.

    >>> from datetime import UTC
    >>> days = (TargetDay(date(2013, 4, 1), rows=4, label_sum=1), TargetDay(date(2013, 4, 2), rows=4, label_sum=3))
    >>> trained = datetime(2013, 4, 3, tzinfo=UTC)
    >>> reference = Reference("late_arrival", Task.CLASSIFICATION, trained, (), (), {}, {}, targets=days)
    >>> reference.target_rate, round(reference.target_spread, 4)
    (0.5, 0.3536)
    >>> Reference.from_json(reference.to_json()) == reference
    True
    """

    model: str
    task: Task
    trained_through: datetime
    bins: tuple[ColumnBins, ...]
    blocks: tuple[date, ...]
    counts: Mapping[str, npt.NDArray[np.int64]]
    totals: Mapping[str, npt.NDArray[np.float64]]
    targets: tuple[TargetDay, ...] = ()
    slicings: tuple[Slicing, ...] = ()
    slices: Mapping[tuple[str, str], Mapping[str, npt.NDArray[np.int64]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.trained_through.tzinfo is None:
            raise DistributionError("trained_through", "is an instant without offset")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(self.to_json())

    @property
    def target_rate(self) -> float | None:
        """Mean label over all days; None without labels."""
        rows = sum(day.rows for day in self.targets)
        return sum(day.label_sum for day in self.targets) / rows if rows else None

    @property
    def target_shares(self) -> tuple[float, ...] | None:
        """Share of each of several classes over all days; None without labels.

        >>> from datetime import UTC
        >>> days = (TargetDay(date(2013, 4, 1), 4, 0.0, (1, 3, 0)),)
        >>> trained = datetime(2013, 4, 3, tzinfo=UTC)
        >>> Reference("late", Task.MULTICLASS, trained, (), (), {}, {}, targets=days).target_shares
        (0.25, 0.75, 0.0)
        """
        rows = sum(day.rows for day in self.targets)
        if not rows:
            return None
        counted = zip(*(day.class_rows for day in self.targets), strict=True)
        return tuple(sum(of_class) / rows for of_class in counted)

    @property
    def target_spread(self) -> float | None:
        """Standard deviation of the daily mean labels, divisor n - 1; None below two days with labels."""
        rates = [day.label_sum / day.rows for day in self.targets if day.rows]
        return float(np.std(rates, ddof=1)) if len(rates) > 1 else None

    def to_json(self) -> str:
        """Write the reference as JSON with sorted keys; floats survive the round trip exactly.

        Returns:
            What `from_json` reads.
        """
        content: dict[str, Any] = {
            "model": self.model,
            "task": self.task.value,
            "trained_through": self.trained_through.isoformat(),
            "bins": [column.to_dict() for column in self.bins],
            "blocks": [block.isoformat() for block in self.blocks],
            "counts": {name: table.tolist() for name, table in self.counts.items()},
            "totals": {name: sums.tolist() for name, sums in self.totals.items()},
            "targets": [_told(day) for day in self.targets],
        }
        if self.slicings:
            content["slicings"] = [each.to_dict() for each in self.slicings]
            content["slices"] = [
                [*key, {name: rows.tolist() for name, rows in counts.items()}]
                for key, counts in sorted(self.slices.items())
            ]
        return json.dumps(content, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Reference:
        """Read what `to_json` wrote.

        Args:
            text: The JSON.

        Returns:
            The reference.
        """
        content = json.loads(text)
        return cls(
            model=content["model"],
            task=Task(content["task"]),
            trained_through=datetime.fromisoformat(content["trained_through"]),
            bins=tuple(ColumnBins.from_dict(values) for values in content["bins"]),
            blocks=tuple(date.fromisoformat(block) for block in content["blocks"]),
            counts={name: np.array(table, dtype=np.int64) for name, table in content["counts"].items()},
            totals={name: np.array(sums, dtype=np.float64) for name, sums in content["totals"].items()},
            targets=tuple(
                TargetDay(date.fromisoformat(day), rows, sums, *(tuple(each) for each in classes))
                for day, rows, sums, *classes in content["targets"]
            ),
            slicings=tuple(Slicing.from_dict(each) for each in content.get("slicings", ())),
            slices={
                (key, value): {name: np.array(rows, dtype=np.int64) for name, rows in counts.items()}
                for key, value, counts in content.get("slices", ())
            },
        )


def _told(day: TargetDay) -> list[Any]:
    classes = [list(day.class_rows)] if day.class_rows else []
    return [day.block.isoformat(), day.rows, day.label_sum, *classes]


def build_reference(
    counts: pa.Table,
    bins: Sequence[ColumnBins],
    *,
    model: str,
    task: Task,
    trained_through: datetime,
    targets: Sequence[TargetDay] = (),
    longest: timedelta | None = None,
) -> Reference:
    """Build the reference from the counts of the accepted data.

    Args:
        counts: Rows of `COUNTS_SCHEMA`, cells in any number and order.
        bins: The bins they were made with; each column once.
        model: The model's name.
        task: Kind of label.
        trained_through: Greatest availability of anything that touched the model; an aware instant.
        targets: Labels per closed day, each day once.
        longest: Keep only the days within this stretch up to the last counted day; whole days. None keeps all.

    Returns:
        The reference.

    Raises:
        DistributionError: If a column has two entries of bins, a target day appears twice, a count lies outside its
            bins, or `trained_through` has no offset.

    >>> from datetime import UTC
    >>> from lakeloop.drift.counts import count_bins
    >>> bins = [ColumnBins("seats", "number", edges=(100.0,))]
    >>> rows = pa.table({"day": [date(2013, 4, 1), date(2013, 4, 1)], "seats": [50, 180]})
    >>> reference = build_reference(
    ...     count_bins(rows, bins, "day"), bins, model="late_arrival", task=Task.CLASSIFICATION,
    ...     trained_through=datetime(2013, 4, 2, tzinfo=UTC), targets=[TargetDay(date(2013, 4, 1), 2, 1.0)],
    ... )
    >>> reference.counts["seats"].tolist(), reference.target_rate
    ([[1, 1, 0]], 0.5)
    >>> Reference.from_json(reference.to_json()) == reference
    True
    """
    names = [column.name for column in bins]
    if len(set(names)) != len(names):
        raise DistributionError("bins", "a column has two entries")
    days = [day.block for day in targets]
    if len(set(days)) != len(days):
        raise DistributionError("targets", "a day appears twice")
    daily = lay_out_daily(counts, bins)
    blocks, kept = daily.blocks, np.ones(len(daily.blocks), dtype=bool)
    used = sorted(targets, key=lambda day: day.block)
    if longest is not None and blocks:
        last = max(blocks)
        kept = np.array([last - block < longest for block in blocks])
        used = [day for day in used if last - day.block < longest]
    return Reference(
        model=model,
        task=task,
        trained_through=trained_through,
        bins=tuple(bins),
        blocks=tuple(block for block, keep in zip(blocks, kept, strict=True) if keep),
        counts={name: table[kept] for name, table in daily.rows.items()},
        totals={name: sums[kept] for name, sums in daily.totals.items()},
        targets=tuple(used),
    )
