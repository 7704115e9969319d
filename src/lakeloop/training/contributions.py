"""Contributions of a model's inputs to single scores: Shapley values by permutation sampling."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lakeloop.errors import DistributionError
from lakeloop.training.metrics import FloatArray

ROWS_AT_ONCE = 50_000
"""Rows that are scored in one call."""

_Ranks = NDArray[np.int32]


@dataclass(frozen=True)
class Contributions:
    """What each input did to the score of each row.

    Attributes:
        columns: Inputs of the model.
        values: Contributions in the unit of the score, shape [n_rows, n_columns].
        scores: Scores of the rows, shape [n_rows].
        baselines: Mean score of the background, shape [n_rows]; it differs by row only where the class does.
    """

    columns: tuple[str, ...]
    values: FloatArray
    scores: FloatArray
    baselines: FloatArray

    def top(self, row: int, count: int) -> list[tuple[str, float]]:
        """Name the inputs of a row that did most, either way.

        Args:
            row: Place of the row.
            count: How many at most.

        Returns:
            Input and contribution, largest absolute contribution first; of equal ones the first column.

        >>> found = Contributions(("items", "shop"), np.array([[0.1, -0.3]]), np.array([0.3]), np.array([0.5]))
        >>> found.top(0, 5)
        [('shop', -0.3), ('items', 0.1)]
        """
        order = np.argsort(-np.abs(self.values[row]), kind="stable")[:count]
        return [(self.columns[place], float(self.values[row, place])) for place in order]


def shapley_contributions(
    score: Callable[[pd.DataFrame], FloatArray],
    rows: pd.DataFrame,
    background: pd.DataFrame,
    ids: Sequence[str],
    *,
    permutations: int,
    seed: int,
    outputs: NDArray[np.intp] | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Contributions:
    """Share out, by row, what sets its score apart from the mean score of the background.

    A walk begins at a row of the background and takes over the values of the explained row, one input after the other
    in a random order; an input's contribution is the mean change of the score at its step. Every background row is
    walked from equally often, each order also in reverse. So the contributions of a row add up to its score minus the
    baseline, an input that the model ignores gets 0, and where the model is a sum of functions of one or two inputs
    each the values are exact, all but for rounding. Elsewhere they are estimates that depend on the orders drawn.

    The orders of a row are drawn by the seed and its id: it gets the same answer whatever else is explained with it.

    Args:
        score: Scores rows with the columns of `rows`: shape [n], or [n, n_outputs] where `outputs` is given.
        rows: Inputs of the rows to explain.
        background: Inputs of the rows they are compared with, the same columns.
        ids: Id of each row, length n_rows.
        permutations: Orders walked from each background row, an even number.
        seed: Seed of the orders.
        outputs: Which output of the score each row is explained by, length n_rows.
        rows_at_once: Rows that are scored in one call, at least about.

    Returns:
        The contributions of every input of every row.

    Raises:
        DistributionError: If the columns differ, a length does, the background is empty, or `permutations` is odd.

    Source: Strumbelj and Kononenko, "Explaining prediction models and individual predictions with feature
    contributions" (Knowledge and Information Systems 41, 2014); an order with its reverse: Mitchell, Cooper, Frank and
    Holmes, "Sampling Permutations for Shapley Value Estimation" (JMLR 23, 2022), section 3.

    >>> rows = pd.DataFrame({"items": [3.0], "price": [10.0], "shop": ["A"]})
    >>> background = pd.DataFrame({"items": [1.0, 2.0], "price": [20.0, 20.0], "shop": ["B", None]})
    >>> found = shapley_contributions(lambda frame: (2 * frame["items"] - frame["price"]).to_numpy(float), rows,
    ...                               background, ["a1"], permutations=2, seed=7)
    >>> found.values.tolist(), found.scores.tolist(), found.baselines.tolist()
    ([[3.0, 10.0, 0.0]], [-4.0], [-17.0])
    """
    columns = tuple(str(name) for name in rows.columns)
    _assert_fit(rows, background, ids, permutations, outputs)
    n_rows, n_columns, n_walks = len(rows), len(columns), len(background) * permutations
    chosen = np.zeros(n_rows, dtype=np.intp) if outputs is None else outputs
    own, first = _as_outputs(score(rows)) if n_rows else np.zeros((0, 1)), _as_outputs(score(background))
    means = first.mean(axis=0)
    scores, baselines = own[np.arange(n_rows), chosen] if n_rows else np.zeros(0), means[chosen]
    values = np.zeros((n_rows, n_columns))
    start = np.repeat(np.arange(len(background)), permutations)  # background row of each walk
    for pieces in _batches(ids, n_walks, n_columns, seed, max(1, rows_at_once // max(1, n_columns - 1))):
        between = _score_between(score, rows, background, pieces, start, first.shape[1])
        for (row, begin, ranks), inner in zip(pieces, between, strict=True):
            output = chosen[row]
            ends = first[start[begin : begin + len(ranks)], output]
            steps = np.column_stack([ends, inner[..., output], np.full(len(ranks), scores[row])])
            # The change at the step at which a column was taken over.
            changes = np.take_along_axis(np.diff(steps, axis=1), ranks, axis=1)
            values[row] += changes.sum(axis=0)
    return Contributions(columns, values / n_walks, scores, baselines)


def _assert_fit(
    rows: pd.DataFrame,
    background: pd.DataFrame,
    ids: Sequence[str],
    permutations: int,
    outputs: NDArray[np.intp] | None,
) -> None:
    if list(rows.columns) != list(background.columns) or not len(rows.columns):
        raise DistributionError("background", f"columns {list(background.columns)}, of the rows {list(rows.columns)}")
    if not len(background):
        raise DistributionError("background", "no rows: there is nothing to compare with")
    if len(ids) != len(rows) or (outputs is not None and len(outputs) != len(rows)):
        raise DistributionError("ids", f"ids and outputs do not fit {len(rows)} rows")
    if permutations < 2 or permutations % 2:  # an order and its reverse
        raise DistributionError("permutations", f"got {permutations}, an even number from 2 on")


def _as_outputs(scores: FloatArray) -> FloatArray:
    """Give scores as [n, n_outputs]."""
    return np.asarray(scores, dtype=np.float64).reshape(len(scores), -1)


def _batches(
    ids: Sequence[str], n_walks: int, n_columns: int, seed: int, walks_at_once: int
) -> Iterator[list[tuple[int, int, _Ranks]]]:
    """Cut the walks of all rows into batches: pieces of (row, first walk, step at which each column is taken over)."""
    batch: list[tuple[int, int, _Ranks]] = []
    held = 0
    for row, name in enumerate(ids):
        ranks = _draw_ranks(name, n_walks, n_columns, seed)
        begin = 0
        while begin < n_walks:
            piece = ranks[begin : begin + walks_at_once - held]
            batch.append((row, begin, piece))
            begin, held = begin + len(piece), held + len(piece)
            if held >= walks_at_once:
                yield batch
                batch, held = [], 0
    if batch:
        yield batch


def _draw_ranks(name: str, n_walks: int, n_columns: int, seed: int) -> _Ranks:
    """Draw the orders of a row, each followed by its reverse: shape [n_walks, n_columns], the step of each column."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:16], "big"))
    orders = np.tile(np.arange(n_columns, dtype=np.int32), (n_walks // 2, 1))
    drawn = rng.permuted(orders, axis=1)
    return np.stack([drawn, n_columns - 1 - drawn], axis=1).reshape(n_walks, n_columns)


def _score_between(
    score: Callable[[pd.DataFrame], FloatArray],
    rows: pd.DataFrame,
    background: pd.DataFrame,
    pieces: Sequence[tuple[int, int, _Ranks]],
    start: NDArray[np.intp],
    n_outputs: int,
) -> list[FloatArray]:
    """Score what lies between the ends of the walks, in one call: per piece [n_walks, n_columns - 1, n_outputs]."""
    n_columns = len(rows.columns)
    if n_columns == 1:
        return [np.zeros((len(ranks), 0, n_outputs)) for *_, ranks in pieces]
    ranks = np.concatenate([piece for *_, piece in pieces])
    of_row = np.concatenate([np.full(len(piece), row) for row, _, piece in pieces])
    of_background = np.concatenate([start[begin : begin + len(piece)] for _, begin, piece in pieces])
    steps = np.arange(1, n_columns, dtype=np.int32)
    mixed: dict[Any, Any] = {}
    for place, name in enumerate(rows.columns):
        is_taken = (ranks[:, place, None] < steps).ravel()
        taken = rows[name].to_numpy()[np.repeat(of_row, len(steps))]
        kept = background[name].to_numpy()[np.repeat(of_background, len(steps))]
        mixed[name] = np.where(is_taken, taken, kept)
    found = _as_outputs(score(pd.DataFrame(mixed))).reshape(len(ranks), len(steps), n_outputs)
    ends = np.cumsum([len(piece) for *_, piece in pieces])[:-1]
    return list(np.split(found, ends))
