"""What a Spark worker runs to score: a stored pipeline, loaded once per process, answers for columns of Arrow.

A worker imports this module and nothing more of lakeloop than the pipeline's own steps; MLflow it never needs. What the
pipeline needs (pandas, scikit-learn) is imported when the first batch comes.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TEXT, NUMBER = "string", "double"
BATCH_ROWS = 50_000
"""Rows that are scored at once: Spark's batches of 10,000 cost the pipeline's fixed part five times as often."""

_MOST_LOADED = 4
"""Pipelines that a worker keeps; it may serve several models in turn."""

_loaded: dict[str, Any] = {}
load_counts: dict[str, int] = {}
"""Content hash -> how often this process has loaded it."""


@dataclass(frozen=True)
class StoredPipeline:
    """A pipeline on its way to the workers: the bytes of a skops file that was checked.

    Attributes:
        content: The file, compressed.
        content_hash: SHA-256 of the file.
        columns: Input -> `string` or `double`, in the order in which the pipeline is given them.
        probabilities: Whether it answers with class probabilities.
        trusted_types: Types that skops may load besides those it trusts itself.
    """

    content: bytes
    content_hash: str
    columns: Mapping[str, str]
    probabilities: bool
    trusted_types: tuple[str, ...]

    @property
    def result_type(self) -> str:
        """Type of an answer, as Spark writes it."""
        return "array<double>" if self.probabilities else NUMBER


def store_pipeline(
    file: bytes, columns: Mapping[str, str], trusted_types: Sequence[str], *, probabilities: bool
) -> StoredPipeline:
    """Pack a pipeline for its way to the workers.

    Args:
        file: A skops file that was checked.
        columns: Input -> `string` or `double`, in order.
        trusted_types: Types that skops may load besides those it trusts itself.
        probabilities: Whether it answers with class probabilities.

    Returns:
        The pipeline; its file is compressed, because it travels with every plan.

    >>> import skops.io
    >>> from sklearn.dummy import DummyRegressor
    >>> file = skops.io.dumps(DummyRegressor(strategy="mean").fit([[0.0], [0.0]], [1.0, 2.0]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=False)
    >>> stored.result_type, len(stored.content) < len(file)
    ('double', True)
    """
    content_hash = sha256(file).hexdigest()
    return StoredPipeline(zlib.compress(file, 1), content_hash, dict(columns), probabilities, tuple(trusted_types))


def load_once(stored: StoredPipeline) -> Any:
    """Load a pipeline, unless this process has done so.

    Args:
        stored: The pipeline.

    Returns:
        The fitted pipeline.

    >>> import skops.io
    >>> from sklearn.dummy import DummyRegressor
    >>> file = skops.io.dumps(DummyRegressor(strategy="mean").fit([[0.0], [0.0]], [1.0, 2.0]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=False)
    >>> load_once(stored) is load_once(stored), load_counts[stored.content_hash]
    (True, 1)
    """
    found = _loaded.get(stored.content_hash)
    if found is None:
        import skops.io

        found = skops.io.loads(zlib.decompress(stored.content), trusted=list(stored.trusted_types))
        while len(_loaded) >= _MOST_LOADED:
            _loaded.pop(next(iter(_loaded)))
        _loaded[stored.content_hash] = found
        load_counts[stored.content_hash] = load_counts.get(stored.content_hash, 0) + 1
    return found


def make_arrow_scorer(stored: StoredPipeline) -> Callable[[Iterator[Any]], Iterator[pa.Array]]:
    """Make what Spark calls with batches of Arrow columns.

    Args:
        stored: The pipeline.

    Returns:
        A function from batches, each the columns of `stored.columns` (a column alone where there is one), to answers,
        one per row, in batches of its own.

    >>> import pyarrow as pa
    >>> import skops.io
    >>> from sklearn.dummy import DummyRegressor
    >>> file = skops.io.dumps(DummyRegressor(strategy="mean").fit([[0.0], [0.0]], [1.0, 2.0]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=False)
    >>> [each.to_pylist() for each in make_arrow_scorer(stored)([pa.array([3.0, None]), pa.array([5.0])])]
    [[1.5, 1.5, 1.5]]
    """
    import pyarrow as pa

    def score(batches: Iterator[Any]) -> Iterator[pa.Array]:
        return score_batches(stored, batches)

    # Spark tells the kind of a function by its hints, as objects.
    score.__annotations__ = {"batches": Iterator[tuple[pa.Array, ...]], "return": Iterator[pa.Array]}
    return score


def make_series_scorer(stored: StoredPipeline) -> Callable[[Iterator[Any]], Iterator[pd.Series[Any]]]:
    """Make what a Spark that has no Arrow functions (before 4.1) calls with batches of pandas columns.

    Args:
        stored: The pipeline.

    Returns:
        A function like that of `make_arrow_scorer`, of series.

    >>> import pandas as pd
    >>> import skops.io
    >>> from sklearn.dummy import DummyRegressor
    >>> file = skops.io.dumps(DummyRegressor(strategy="mean").fit([[0.0], [0.0]], [1.0, 2.0]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=False)
    >>> [each.tolist() for each in make_series_scorer(stored)([pd.Series([3.0])])]
    [[1.5]]
    """
    import pandas as pd

    def score(batches: Iterator[Any]) -> Iterator[pd.Series[Any]]:
        return score_series(stored, batches)

    score.__annotations__ = {"batches": Iterator[tuple[pd.Series, ...]], "return": Iterator[pd.Series]}
    return score


def score_batches(stored: StoredPipeline, batches: Iterable[Any], rows: int = BATCH_ROWS) -> Iterator[pa.Array]:
    """Score batches of Arrow columns, several small ones at once, a large one in parts.

    Args:
        stored: The pipeline.
        batches: Batches, each the columns of `stored.columns`.
        rows: Rows from which on held batches are scored, and most rows of a part.

    Yields:
        Answers: doubles, or lists of them, in the order of the rows; NaN is null.

    >>> import pyarrow as pa
    >>> import skops.io
    >>> from sklearn.dummy import DummyRegressor
    >>> file = skops.io.dumps(DummyRegressor(strategy="mean").fit([[0.0], [0.0]], [1.0, 2.0]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=False)
    >>> batches = [pa.array([3.0]), pa.array([5.0, None, 7.0])]
    >>> [each.to_pylist() for each in score_batches(stored, batches, rows=2)]  # held with the next; cut in parts
    [[1.5, 1.5, 1.5], [1.5]]
    """
    held: list[tuple[pa.Array, ...]] = []
    held_rows = 0
    for columns in _cut(batches, rows):
        held.append(columns)
        held_rows += len(columns[0])
        if held_rows >= rows:
            yield _to_arrow(stored, _predict(stored, _frame_of_arrow(stored, held)))
            held, held_rows = [], 0
    if held_rows:
        yield _to_arrow(stored, _predict(stored, _frame_of_arrow(stored, held)))


def _cut(batches: Iterable[Any], rows: int) -> Iterator[tuple[pa.Array, ...]]:
    """Bound what is held: a session may hand over a whole partition as one batch."""
    for batch in batches:
        columns = batch if isinstance(batch, tuple) else (batch,)
        for start in range(0, len(columns[0]), rows):
            yield tuple(each.slice(start, rows) for each in columns)


def score_series(stored: StoredPipeline, batches: Iterable[Any]) -> Iterator[pd.Series[Any]]:
    """Score batches of pandas columns.

    Args:
        stored: The pipeline.
        batches: Batches, each the columns of `stored.columns`.

    Yields:
        Answers: doubles, or lists of them, in the order of the rows.

    >>> import pandas as pd
    >>> import skops.io
    >>> from sklearn.dummy import DummyClassifier
    >>> file = skops.io.dumps(DummyClassifier(strategy="prior").fit([[0.0]] * 4, [0, 0, 0, 1]))
    >>> stored = store_pipeline(file, {"items": "double"}, ["numpy.dtype"], probabilities=True)
    >>> [[list(map(float, row)) for row in each] for each in score_series(stored, [pd.Series([3.0, 5.0])])]
    [[[0.75, 0.25], [0.75, 0.25]]]
    """
    import pandas as pd

    for batch in batches:
        columns = batch if isinstance(batch, tuple) else (batch,)
        frame = pd.DataFrame(dict(zip(stored.columns, columns, strict=True)))
        yield pd.Series(list(_predict(stored, frame)))


def _frame_of_arrow(stored: StoredPipeline, held: Sequence[tuple[pa.Array, ...]]) -> pd.DataFrame:
    """Lay held batches one below the other; a column of numbers without nulls, of one batch, is not copied."""
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for place, name in enumerate(stored.columns):
        parts = [each[place] for each in held]
        whole = parts[0] if len(parts) == 1 else pa.concat_arrays(parts)
        columns[name] = whole.to_numpy(zero_copy_only=False)  # of texts objects, missing is None; of numbers it is NaN
    return pd.DataFrame(columns, copy=False)


def _predict(stored: StoredPipeline, frame: pd.DataFrame) -> Any:
    # A task has one core: threads of its own would take those of other tasks. It counts before OpenMP is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pipeline = load_once(stored)
    return pipeline.predict_proba(frame) if stored.probabilities else pipeline.predict(frame)


def _to_arrow(stored: StoredPipeline, answers: Any) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    values = np.ascontiguousarray(answers, dtype=np.float64)
    flat = pa.array(values.reshape(-1), from_pandas=True)
    if not stored.probabilities:
        return flat
    rows, classes = values.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * classes)
    return pa.ListArray.from_arrays(offsets, flat, type=pa.list_(pa.field("element", pa.float64())))
