"""A job of its own: where executors find what they run, one JSON line."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession


def _look(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for _ in batches:
        found = {each: importlib.import_module(each).__file__ for each in ("lakeloop", "numpy", "sklearn", "mlflow")}
        found |= {"python": sys.executable, "working_in": str(Path.cwd()), "path": os.pathsep.join(sys.path)}
        yield pa.RecordBatch.from_pylist([{"found": json.dumps(found)}])


def main() -> None:
    """Ask every executor."""
    spark = SparkSession.builder.getOrCreate()
    rows: list[Any] = spark.range(0, 4, 1, 4).mapInArrow(_look, "found string").collect()  # bounded: four rows
    sys.stdout.write(json.dumps([json.loads(each["found"]) for each in rows]) + "\n")


if __name__ == "__main__":
    main()
