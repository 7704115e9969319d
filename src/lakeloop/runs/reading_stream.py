"""A source of Structured Streaming: what is there when a run begins, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from lakeloop.errors import ConflictError, EnvironmentProblemError, Failure
from lakeloop.reading import Stretch, drain_stream, identify_checkpoint
from lakeloop.runs.read_secrets import describe_safely
from lakeloop.runs.readings import Reading, end


def read_stream(reading: Reading) -> Iterator[Stretch]:
    """Drain a stream of what is there; each of its batches is a stretch.

    Args:
        reading: The source.

    Yields:
        The stretches that were staged now.

    Raises:
        ConflictError: If the stream's checkpoint is gone.
        EnvironmentProblemError: If the stream stops; no secret is in the message.

    >>> from lakeloop.config.source import Source
    >>> from pathlib import Path
    >>> from lakeloop.reading.staging import Stretch
    >>> declared = {"source": "orders", "read": {"stream": "rate-micro-batch"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> first = Stretch("orders", "stream", 0, "5c1d", "batch 0", None, "0", 3, 0, ("order",), "2024-01-01")
    >>> try:
    ...     read_stream(Reading(fresh, source, Path("admitted/orders"), [first])).__next__()
    ... except ConflictError as error:
    ...     print(error.failures[0].name)
    checkpoint
    """
    context, source = reading.context, reading.source
    checkpoint = context.lake.workspace / "checkpoints" / "read" / source.source
    if reading.done and not checkpoint.is_dir():
        remedy = (
            "restore the folder; or make it, empty, to read the stream from its beginning: rows accepted before count"
            " as exact duplicates"
        )
        found = Failure("checkpoint", f"{checkpoint} is gone: where the stream was left is not known")
        raise ConflictError(f"source {source.source}", [found], remedy)
    taken: list[Stretch] = []

    def take(rows: DataFrame, batch: int) -> None:
        begun = reading.begin(reading.read.stream or "", f"batch {batch}", f"{identify_checkpoint(checkpoint)} {batch}")
        if any((each.of, each.after) == (begun.of, begun.after) for each in reading.done):
            return  # staged by a job that stopped before the stream knew it
        stretch = end(begun, str(batch), rows.count())
        taken.extend(reading.stage(rows, stretch))
        reading.done.append(stretch)

    try:
        drain_stream(context.spark, source, checkpoint, take)
    except Exception as failure:  # a format that is not there is none of PySpark's own classes
        if not isinstance(failure, PySparkException) and type(failure).__name__ != "Py4JJavaError":
            raise
        said = describe_safely(context.config, source, failure)
        remedy = (
            "check stream, schema and options in the source's file; a format may need a package: spark.jars.packages"
        )
        raise EnvironmentProblemError(f"source {source.source}", [Failure("stream", said)], remedy) from None
    yield from taken
