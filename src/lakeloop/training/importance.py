"""Permutation importance: how much worse a fitted pipeline does on the holdout when one input tells it nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lakeloop.config.metric import Metric
from lakeloop.errors import DistributionError
from lakeloop.statuses import EvidenceStatus
from lakeloop.training.metrics import FloatArray, row_losses

REPEATS = 3
"""Permutations of each column."""

MAX_PREDICTED_ROWS = 200_000
"""Rows that are scored for all columns and permutations together: beyond it rows of the holdout are drawn."""

_ROWS_AT_ONCE = 50_000

MIN_SAMPLE = 500
"""Rows that are drawn at least, however many the columns are."""


@dataclass(frozen=True)
class ColumnImportance:
    """What the pipeline loses when one of its inputs is permuted.

    Attributes:
        column: Input of the pipeline.
        status: OK; ALL_NULL or CONSTANT where there is nothing to permute, and the increase is 0; NO_ROWS.
        increase: Mean increase of the metric over the permutations, in its unit; below 0 when chance did better. None
            without rows.
        spread: Standard deviation over the permutations; None with fewer than two.
        on_demand: On-demand columns that are computed from the input, and permuted with it.
        is_model_column: Whether the model sees the input itself, too.
    """

    column: str
    status: EvidenceStatus
    increase: float | None
    spread: float | None
    on_demand: tuple[str, ...] = ()
    is_model_column: bool = True

    @property
    def name(self) -> str:
        """The column; with what is computed from it, where there is something."""
        if not self.on_demand:
            return self.column
        made = ", ".join(self.on_demand)
        return f"{self.column} (and {made})" if self.is_model_column else f"{made} (from {self.column})"


@dataclass(frozen=True)
class Importance:
    """Permutation importance of every input of a pipeline.

    Attributes:
        metric: Metric whose increase is measured, a mean of losses per row.
        value: The metric on the rows that were used, with nothing permuted; None without rows.
        rows: Rows that were used.
        rows_of: Rows they were drawn from; the same number when all were used.
        repeats: Permutations of each column.
        seed: Seed of the rows drawn and of the permutations.
        columns: By increase, greatest first.
    """

    metric: Metric
    value: float | None
    rows: int
    rows_of: int
    repeats: int
    seed: int
    columns: tuple[ColumnImportance, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values for JSON.

        >>> Importance(Metric.BRIER, 0.25, 10, 10, 3, 7, ()).to_dict()["metric"]
        'brier'
        """
        return {
            "metric": self.metric.value,
            "value": self.value,
            "rows": self.rows,
            "rows_of": self.rows_of,
            "repeats": self.repeats,
            "seed": self.seed,
            "columns": [
                {
                    "column": each.column,
                    "status": each.status.value,
                    "increase": each.increase,
                    "spread": each.spread,
                    "on_demand": list(each.on_demand),
                    "is_model_column": each.is_model_column,
                }
                for each in self.columns
            ],
        }


def measure_importance(
    metric: Metric,
    predict: Callable[[pd.DataFrame], FloatArray],
    frame: pd.DataFrame,
    y: NDArray[Any],
    *,
    seed: int,
    repeats: int = REPEATS,
    max_predicted_rows: int = MAX_PREDICTED_ROWS,
    on_demand: Mapping[str, tuple[str, ...]] | None = None,
    model_columns: tuple[str, ...] | None = None,
) -> Importance:
    """Permute each input of a pipeline over the rows, and measure what it loses.

    The inputs are permuted as the pipeline receives them, so an on-demand column moves with the inputs it is computed
    from. The same permutations serve every column: columns are compared on the same rows, and their order changes
    nothing. Rows are drawn by the seed where columns x permutations x rows would exceed `max_predicted_rows`.

    Args:
        metric: A mean of losses per row.
        predict: Scores rows with the columns of `frame`.
        frame: Inputs, one row per row of the holdout.
        y: Outcomes, shape (n_rows,).
        seed: Seed of the rows drawn and of the permutations.
        repeats: Permutations of each column, at least 1.
        max_predicted_rows: Bound of the work.
        on_demand: On-demand column -> inputs it is computed from.
        model_columns: Columns the model sees; None when it sees every input.

    Returns:
        Importance of every column of `frame`, the same for the same rows and seed.

    Raises:
        DistributionError: If the metric is no mean of losses per row, a length differs, or `repeats` is below 1.

    Source: Breiman, "Random Forests" (Machine Learning 45, 2001), section 10; for any model: Fisher, Rudin, Dominici,
    "All Models are Wrong, but Many are Useful" (JMLR 20, 2019).

    >>> rows = pd.DataFrame({"told": [0.0, 1.0, 0.0, 1.0], "noise": [1.0, 2.0, 3.0, 4.0], "gust": [None] * 4})
    >>> found = measure_importance(Metric.BRIER, lambda rows: rows["told"].to_numpy(float), rows,
    ...                            np.array([0, 1, 0, 1]), seed=1)
    >>> [(each.column, each.status.value, each.increase > 0) for each in found.columns]
    [('told', 'OK', True), ('noise', 'OK', False), ('gust', 'ALL_NULL', False)]
    """
    if len(frame) != len(y):
        raise DistributionError("y", f"{len(y)} outcomes do not fit {len(frame)} rows")
    if repeats < 1:
        raise DistributionError("repeats", f"got {repeats}, at least 1")
    rng = np.random.default_rng(seed)
    most = max(MIN_SAMPLE, max_predicted_rows // (repeats * max(len(frame.columns), 1)))
    outcomes = np.asarray(y, dtype=np.float64)
    sample = frame.reset_index(drop=True)
    if len(frame) > most:
        chosen = np.sort(rng.choice(len(frame), size=most, replace=False))
        sample, outcomes = sample.iloc[chosen].reset_index(drop=True), outcomes[chosen]
    statuses = {column: _status(sample[column]) for column in frame.columns}
    value, rises = None, {}
    if len(sample):
        value = float(row_losses(metric, outcomes, predict(sample)).mean())
        places = np.concatenate([rng.permutation(len(sample)) for _ in range(repeats)])
        permuted = [column for column, status in statuses.items() if status is EvidenceStatus.OK]
        rises = _increases(metric, predict, sample, outcomes, places, permuted, value)
    found = []
    for column, status in statuses.items():
        increase, spread = None if value is None else 0.0, None
        if column in rises:
            increase = float(rises[column].mean())
            spread = float(rises[column].std(ddof=1)) if repeats > 1 else None
        made = tuple(name for name, inputs in (on_demand or {}).items() if column in inputs)
        seen = model_columns is None or column in model_columns
        found.append(ColumnImportance(str(column), status, increase, spread, made, seen))
    found.sort(key=lambda each: (each.increase is None, -(each.increase or 0.0)))  # stable: ties as the model has them
    return Importance(metric, value, len(sample), len(frame), repeats, seed, tuple(found))


def _increases(
    metric: Metric,
    predict: Callable[[pd.DataFrame], FloatArray],
    sample: pd.DataFrame,
    outcomes: FloatArray,
    places: NDArray[np.int64],
    columns: Sequence[str],
    value: float,
) -> dict[str, FloatArray]:
    """Measure the increase per permutation; several columns are scored at once, a call costs more than its rows."""
    repeats = len(places) // len(sample)
    repeated = pd.concat([sample] * repeats, ignore_index=True)
    at_once = max(1, _ROWS_AT_ONCE // len(repeated))
    found: dict[str, FloatArray] = {}
    for first in range(0, len(columns), at_once):
        several = columns[first : first + at_once]
        frames = [
            repeated.assign(**{column: sample[column].iloc[places].set_axis(repeated.index)}) for column in several
        ]
        losses = row_losses(
            metric, np.tile(outcomes, repeats * len(several)), predict(pd.concat(frames, ignore_index=True))
        )
        means = losses.reshape(len(several), repeats, len(sample)).mean(axis=2)
        found |= dict(zip(several, means - value, strict=True))
    return found


def _status(values: pd.Series[Any]) -> EvidenceStatus:
    if not len(values):
        return EvidenceStatus.NO_ROWS
    present = values.notna()
    if not present.any():
        return EvidenceStatus.ALL_NULL
    is_constant = bool(present.all()) and values.nunique() == 1
    return EvidenceStatus.CONSTANT if is_constant else EvidenceStatus.OK
