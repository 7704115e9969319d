"""An estimator that a user wrote, as `estimator.class` names it by import path."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin


class ShareOfTrue(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Answers with the share of true labels; notes how many rows each fit had.

    Args:
        lift: Added to the share.
    """

    fitted_on: ClassVar[list[int]] = []

    def __init__(self, lift: float = 0.0) -> None:
        self.lift = lift

    def fit(self, rows: Any, label: NDArray[Any]) -> Self:
        """Learn the share."""
        self.fitted_on.append(len(rows))
        self.classes_, self.share_ = np.array([0.0, 1.0]), float(np.mean(label)) + self.lift
        return self

    def predict_proba(self, rows: Any) -> NDArray[np.float64]:
        """Give the share, for every row."""
        return np.tile([1 - self.share_, self.share_], (len(rows), 1))

    def predict(self, rows: Any) -> NDArray[np.float64]:
        """Give the likelier answer."""
        return (self.predict_proba(rows)[:, 1] >= 0.5).astype(np.float64)
