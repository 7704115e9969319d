"""A source of Structured Streaming, drained of what is there when a run begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from lakeloop.config.source import Source
from lakeloop.micro_batches import run_batches
from lakeloop.quality.texts import MALFORMED


def identify_checkpoint(checkpoint: Path) -> str | None:
    """Tell the id of a stream's checkpoint; None where there is none.

    >>> identify_checkpoint(Path("/no/folder"))
    """
    path = checkpoint / "metadata"
    if not path.is_file():
        return None
    return str(json.loads(path.read_text(encoding="utf-8"))["id"])


def drain_stream(spark: SparkSession, source: Source, checkpoint: Path, take: Callable[[DataFrame, int], None]) -> None:
    """Hand on what is there, batch by batch; what comes in meanwhile is left for the next call.

    Args:
        spark: The session.
        source: The source's declaration.
        checkpoint: Folder of the stream's checkpoint: it knows what was handed on.
        take: Takes the rows of a batch and its number; a batch it fails on is handed on again by the next call.

    >>> import tempfile
    >>> declared = {"source": "lines", "columns": {"value": {"type": "string"}}, "key": ["value"]}
    >>> declared |= {"event_ts": "timestamp_seconds(0)", "available_ts": "event_ts"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a.txt").write_text("one")
    ...     read = {"stream": "text", "options": {"path": folder}}
    ...     source = Source.model_validate(declared | {"read": read})
    ...     drain_stream(spark, source, Path(folder) / "_checkpoint", lambda rows, number: print(number, rows.first()))
    0 Row(value='one')
    """
    read = source.read
    if read is None or read.stream is None:
        raise ValueError(f"source {source.source} reads no stream")
    reader = spark.readStream.format(read.stream).options(**read.option_texts)
    if read.schema_ is not None:
        reader = reader.schema(read.schema_)
    elif read.stream.lower() == "json":  # by name, each value as the text it is written as
        texts = [T.StructField(name, T.StringType()) for name in (*source.columns, MALFORMED)]
        reader = reader.schema(T.StructType(texts)).option("columnNameOfCorruptRecord", MALFORMED)
    run_batches(reader.load(), checkpoint, take, name=f"read {source.source}")
