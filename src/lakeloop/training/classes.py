"""Scores of several classes: a column per class in the declared order, what they predict, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lakeloop.errors import DistributionError

FloatArray = NDArray[np.float64]
Places = NDArray[np.int64]
"""Places of classes in their declared order, from 0, shape (n_rows,)."""


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Probabilities of rows over several classes.

    Attributes:
        values: Probabilities, shape (n_rows, n_classes), columns in the declared order of the classes.

    Raises:
        DistributionError: If there is not a column per class, two of them at least.

    >>> scores = ClassScores(np.array([[0.25, 0.5, 0.25], [0.4, 0.2, 0.4]]))
    >>> scores.predicted.tolist(), scores.confidence.tolist()  # of equally likely classes the first
    ([1, 0], [0.5, 0.4])
    """

    values: FloatArray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] < 2:
            raise DistributionError("score", f"shape {self.values.shape} has no column per class")

    @classmethod
    def align(cls, probabilities: ArrayLike, known: Sequence[Any] | NDArray[Any], classes: int) -> ClassScores:
        """Bring an estimator's probabilities into the declared order.

        Args:
            probabilities: What it answers, shape (n_rows, n_known).
            known: Place in the declared order of the class that each of its columns stands for, shape (n_known,).
            classes: Number of declared classes.

        Returns:
            The scores; 0 for a class that the estimator never saw.

        Raises:
            DistributionError: If the columns are not as many as the places, or a place is none of the classes.

        >>> ClassScores.align([[0.25, 0.75]], known=[2, 0], classes=3).values.tolist()
        [[0.75, 0.0, 0.25]]
        """
        answered, places = np.asarray(probabilities, dtype=np.float64), np.asarray(known, dtype=np.float64)
        if answered.ndim != 2 or answered.shape[1:] != places.shape:
            raise DistributionError("score", f"shape {answered.shape} does not fit the {places.size} classes it is of")
        if not np.isin(places, np.arange(classes)).all() or len(np.unique(places)) != places.size:
            raise DistributionError("score", f"the estimator knows other classes than the {classes} declared ones")
        values = np.zeros((len(answered), classes))
        values[:, places.astype(np.int64)] = answered
        return cls(values)

    @property
    def predicted(self) -> Places:
        """Place of the likeliest class, of equally likely ones the first declared, shape (n_rows,)."""
        return np.asarray(self.values.argmax(axis=1), dtype=np.int64)

    @property
    def confidence(self) -> FloatArray:
        """Probability of the predicted class, shape (n_rows,)."""
        return np.asarray(self.values.max(axis=1))

    def are_right(self, y: ArrayLike) -> FloatArray:
        """Tell for which rows the predicted class came true.

        Args:
            y: Places of the classes that came true, shape (n_rows,).

        Returns:
            1 or 0, shape (n_rows,).

        >>> ClassScores(np.array([[0.25, 0.75], [0.5, 0.5]])).are_right([1, 1]).tolist()
        [1.0, 0.0]
        """
        return np.asarray(self.predicted == np.asarray(y), dtype=np.float64)

    def of_truth(self, y: ArrayLike) -> FloatArray:
        """Give the probability of the class that came true.

        Args:
            y: Places of those classes, shape (n_rows,).

        Returns:
            Probabilities, shape (n_rows,).

        >>> ClassScores(np.array([[0.25, 0.75], [0.5, 0.5]])).of_truth([0, 1]).tolist()
        [0.25, 0.5]
        """
        return np.asarray(self.values[np.arange(len(self.values)), np.asarray(y, dtype=np.int64)])


def class_shares(label: ArrayLike, classes: int) -> FloatArray:
    """Give the share of each class among labels: the answer of the constant model.

    Args:
        label: Places of classes, at least one, shape (n_rows,).
        classes: Number of declared classes.

    Returns:
        Shares, shape (n_classes,).

    >>> class_shares([0.0, 1.0, 1.0, 1.0], 3).tolist()
    [0.25, 0.75, 0.0]
    """
    places = np.asarray(label, dtype=np.int64)
    return np.asarray(np.bincount(places, minlength=classes) / places.size)


def top_label(y: ArrayLike, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn scores of several classes into those of one event: that the predicted class comes true.

    Args:
        y: Places of the classes that came true, shape (n_rows,); of two classes 0 or 1.
        score: Probabilities, shape (n_rows, n_classes); of two classes those of 1, shape (n_rows,).

    Returns:
        Whether the prediction was right and how sure it was, both of shape (n_rows,); of two classes what was given.

    >>> right, confidence = top_label([0, 2], np.array([[0.5, 0.3, 0.2], [0.6, 0.2, 0.2]]))
    >>> right.tolist(), confidence.tolist()
    ([1.0, 0.0], [0.5, 0.6])
    """
    if score.ndim < 2:
        return np.asarray(y, dtype=np.float64), score
    scores = ClassScores(score)
    return scores.are_right(y), scores.confidence


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Rows by class, all of shape (n_groups, n_classes).

    Attributes:
        hits: Rows of which the class was predicted and came true.
        predicted: Rows of which it was predicted.
        actual: Rows of which it came true.
    """

    hits: Places
    predicted: Places
    actual: Places

    @classmethod
    def of(cls, y: ArrayLike, scores: ClassScores, group: Places | None = None) -> ClassCounts:
        """Count rows.

        Args:
            y: Places of the classes that came true, shape (n_rows,).
            scores: Their scores.
            group: Group of each row, from 0, shape (n_rows,); one group without it.

        Returns:
            The counts.

        >>> found = ClassCounts.of([0, 1], ClassScores(np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])))
        >>> found.hits.tolist(), found.predicted.tolist(), found.actual.tolist()
        ([[1, 0, 0]], [[2, 0, 0]], [[1, 1, 0]])
        """
        outcomes, predicted = np.asarray(y, dtype=np.int64), scores.predicted
        groups, classes = np.zeros(len(outcomes), dtype=np.int64) if group is None else group, scores.values.shape[1]
        size = int(groups.max(initial=0)) + 1

        def count(places: Places, rows: NDArray[np.bool_] | slice) -> Places:
            cells = np.bincount(groups[rows] * classes + places[rows], minlength=size * classes)
            return np.asarray(cells.reshape(size, classes))

        everyone = slice(None)
        return cls(count(outcomes, outcomes == predicted), count(predicted, everyone), count(outcomes, everyone))


def f1_macro(hits: ArrayLike, predicted: ArrayLike, actual: ArrayLike) -> FloatArray:
    """Give the mean over classes of the harmonic mean of precision and recall: 2 hits / (predicted + actual).

    Args:
        hits: Rows per class that were predicted and came true, shape (..., n_classes).
        predicted: Rows per class that were predicted, the same shape.
        actual: Rows per class that came true, the same shape.

    Returns:
        The mean, shape (...); NaN where a class was neither predicted nor came true.

    >>> f1_macro([[1, 1, 0], [2, 0, 0]], [[1, 2, 0], [2, 0, 0]], [[1, 1, 1], [2, 0, 0]]).round(4).tolist()
    [0.5556, nan]
    """
    found, counted = 2.0 * np.asarray(hits), np.asarray(predicted) + np.asarray(actual)
    of_class = np.divide(found, counted, out=np.full(found.shape, np.nan), where=counted > 0)
    return np.asarray(of_class.mean(axis=-1), dtype=np.float64)
