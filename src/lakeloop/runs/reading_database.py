"""Rows of a database by a watermark: a fixed stretch behind the last one read."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.errors import PySparkException

from lakeloop.errors import DataContractError, EnvironmentProblemError, Failure
from lakeloop.reading import Stretch, cut_rows, measure_rows, open_database
from lakeloop.runs.read_secrets import describe_safely
from lakeloop.runs.readings import Reading, end
from lakeloop.tables import identity_hash


def read_database(reading: Reading) -> Iterator[Stretch]:
    """Read the rows with a watermark above the last one read, up to the greatest there is when the read begins.

    Args:
        reading: The source.

    Yields:
        At most one stretch.

    Raises:
        ConflictError: If the watermark is of a type without an exact order, or something else was read before.
        DataContractError: If rows have no watermark: they would never be read.
        EnvironmentProblemError: If the database does not answer, or not as it should; no secret is in the message.

    >>> from lakeloop.config.source import Source
    >>> from pathlib import Path
    >>> read = {"jdbc": "jdbc:none://db", "table": "orders", "watermark": "order"}
    >>> declared = {"source": "orders", "read": read, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> try:
    ...     list(read_database(Reading(fresh, source, Path("admitted/orders"), [])))
    ... except EnvironmentProblemError as error:
    ...     print(error.failures[0].name)
    jdbc
    """
    try:
        yield from _read(reading)
    except Exception as failure:
        if not isinstance(failure, PySparkException) and type(failure).__name__ != "Py4JJavaError":
            raise
        said = describe_safely(reading.context.config, reading.source, failure)
        remedy = (
            "check the URL, user, password, table and options in the source's file; the driver's jar is Spark's to find"
        )
        # Without its cause: a driver's trace may hold what it was given.
        raise EnvironmentProblemError(f"source {reading.source.source}", [Failure("jdbc", said)], remedy) from None


def _read(reading: Reading) -> Iterator[Stretch]:
    read, last, as_of = reading.read, reading.last, reading.context.as_of
    of = identity_hash(read.table, read.query, read.watermark)
    begun = reading.begin(of, f"rows by {read.watermark}", None if last is None else last.through)
    rows = open_database(reading.context.spark, read)
    measured = measure_rows(rows, read, begun.after).first()
    if measured is None or (not measured["rows"] and not measured["missing"]):
        return
    if measured["missing"]:
        found = Failure(read.watermark or "", f"missing in {measured['missing']} rows, which would never be read")
        remedy = "fill it, or declare a query that leaves them out: select ... where ... is not null"
        raise DataContractError(f"source {reading.source.source}", [found], remedy)
    greatest = str(measured["greatest"])
    if greatest == begun.after and last is not None and last.as_of == as_of.isoformat():
        return  # the overlap was read at this instant already
    # Up to a watermark, so that what comes in meanwhile is the next run's.
    stretch = end(begun, greatest, int(measured["rows"]))
    yield from reading.stage(cut_rows(rows, read, begun.after, greatest), stretch)
