"""What the gate judges by: outcomes and scores of the pinned holdout, the same rows for every side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakeloop.errors import DistributionError
from lakeloop.training.metrics import FloatArray


@dataclass(frozen=True)
class HoldoutScores:
    """Outcomes and scores of the holdout rows, all of shape (n_rows,); scores of several classes (n_rows, n_classes).

    Attributes:
        y: Outcomes; 0 and 1 (or booleans) for classification, places of classes for multiclass.
        challenger: Scores of the challenger.
        baseline: Scores of the constant model: the training rate, the training median, or the shares of the classes.
        days: Closed day of the row, datetime64[D].
        champion: Scores of the champion, NaN where it may not be compared because it may have learned from the row
            (`prediction_ts` at or before its `trained_through`); None without any.
        slices: Slice column -> its values.

    Raises:
        DistributionError: If lengths differ, a day is missing, or a champion's score is infinite.
    """

    y: NDArray[Any]
    challenger: FloatArray
    baseline: FloatArray
    days: NDArray[np.datetime64]
    champion: FloatArray | None
    slices: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        columns = np.shape(self.challenger)[1:]  # of several classes one each
        scores = {"challenger": self.challenger, "baseline": self.baseline}
        scores |= {} if self.champion is None else {"champion": self.champion}
        arrays = {"days": self.days} | {f"slices.{column}": values for column, values in self.slices.items()}
        for name, values in (scores | arrays).items():
            wanted = (*np.shape(self.y), *(columns if name in scores else ()))
            if np.shape(values) != wanted or len(columns) > 1:
                raise DistributionError(name, f"shape {np.shape(values)} does not fit y of shape {np.shape(self.y)}")
        if np.isnat(np.asarray(self.days, dtype="datetime64[D]")).any():
            raise DistributionError("days", "a row has no day")
        if self.champion is not None and np.isinf(self.champion).any():
            raise DistributionError("champion", "a score is infinite")

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Rows on which the champion may be compared."""
        if self.champion is None:
            return np.zeros(len(self.y), dtype=bool)
        missing = np.isnan(self.champion)
        return np.asarray(~(missing if missing.ndim == 1 else missing.any(axis=1)))
