"""Batches of rows as they come, put together: what is done per batch is done less often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa


def gather_batches(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Put small batches together; a large one stays as it is.

    Args:
        batches: Batches of one schema.
        rows: Rows from which on a batch is given away.

    Yields:
        The same rows in the same order, in batches of at least `rows` but for the last; none is empty.

    >>> few = pa.record_batch({"number": [1, 2]})
    >>> [each.num_rows for each in gather_batches([few, few.slice(0, 0), few, few], 4)]
    [4, 2]
    """
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        held.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield _together(held)
            held, count = [], 0
    if held:
        yield _together(held)


def _together(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return batch
