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
    """Outcomes and scores of the holdout rows, all of shape (n_rows,).

    Attributes:
        y: Outcomes; 0 and 1 (or booleans) for classification.
        challenger: Scores of the challenger.
        baseline: Scores of the constant model: the training rate, or the training median.
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
        arrays = {"challenger": self.challenger, "baseline": self.baseline, "days": self.days}
        arrays |= {} if self.champion is None else {"champion": self.champion}
        arrays |= {f"slices.{column}": values for column, values in self.slices.items()}
        for name, values in arrays.items():
            if np.shape(values) != np.shape(self.y):
                raise DistributionError(name, f"shape {np.shape(values)} does not fit y of shape {np.shape(self.y)}")
        if np.isnat(np.asarray(self.days, dtype="datetime64[D]")).any():
            raise DistributionError("days", "a row has no day")
        if self.champion is not None and np.isinf(self.champion).any():
            raise DistributionError("champion", "a score is infinite")

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Rows on which the champion may be compared."""
        return np.zeros(len(self.y), dtype=bool) if self.champion is None else ~np.isnan(self.champion)
