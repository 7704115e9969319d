"""What a fresh process does for the gate: load a registered artifact, score the rows it is given, answer the scores.

`python -m lakeloop.runs.load_and_score` reads a line of JSON and the rows as an Arrow stream from standard input, so
that no row and no address stands in a file or among the arguments. It starts no Spark. The last line of standard output
is one JSON object: the scores, or the first line of what went wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa

from lakeloop.config.metric import Task
from lakeloop.config.registry import RegistrySettings
from lakeloop.errors import LakeloopError

_MAX_REASON = 300


@dataclass(frozen=True)
class ScoreRequest:
    """What a fresh process is asked to load and to score by.

    Attributes:
        tracking_uri: Address of the registry.
        project: Name of the project.
        artifact_root: Folder of artifacts, where the tracking store is a local database.
        model: Registered name.
        version: Its number.
        run_key: Hash of what it is made from.
        task: Kind of label.
        registry: Where versions are kept, as project.yml has it.
        classes: Number of classes of a multiclass label.

    >>> request = ScoreRequest("sqlite:///mlflow.db", "shops", "mlartifacts", "late", "1", "5c1d", "classification")
    >>> ScoreRequest.parse(request.line()) == request
    True
    """

    tracking_uri: str
    project: str
    artifact_root: str
    model: str
    version: str
    run_key: str
    task: str
    registry: Mapping[str, Any] = field(default_factory=dict)
    classes: int = 0

    def line(self) -> bytes:
        """Write it as a line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> ScoreRequest:
        """Read it from a line of JSON."""
        return cls(**json.loads(line))


def write_rows(frame: pd.DataFrame) -> bytes:
    """Write rows as an Arrow stream.

    Args:
        frame: The rows.

    Returns:
        The bytes; `read_rows` gives the same rows again.

    >>> import io
    >>> rows = pd.DataFrame({"shop": ["A", None], "items": [1.0, float("nan")]})
    >>> read_rows(io.BytesIO(write_rows(rows))).equals(rows)
    True
    """
    table, sink = pa.Table.from_pandas(frame, preserve_index=False), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def read_rows(stream: IO[bytes]) -> pd.DataFrame:
    """Read the rows of an Arrow stream.

    Args:
        stream: What `write_rows` gave.

    Returns:
        The rows.

    >>> import io
    >>> read_rows(io.BytesIO(write_rows(pd.DataFrame({"items": [1.0]}))))["items"].tolist()
    [1.0]
    """
    with pa.ipc.open_stream(stream) as reader:
        found: pd.DataFrame = reader.read_all().to_pandas()  # bounded: the few rows of one request
    return found


def first_line(failure: Exception, frame: pd.DataFrame | None) -> str:
    """Say in one line what went wrong, without a value of the rows.

    Args:
        failure: What was raised.
        frame: The rows that were scored; None before they were read.

    Returns:
        Its kind and first line; a quoted text that is a value of the rows is left out.

    >>> first_line(ValueError("could not convert string to float: 'JFK'"), pd.DataFrame({"origin": ["JFK"]}))
    'ValueError: could not convert string to float: (a value)'
    >>> from lakeloop.errors import ConflictError, Failure
    >>> first_line(ConflictError("model late version 1", [Failure("checksum", "other files")], "restore them"), None)
    'model late version 1: conflicts with what is recorded: checksum: other files'
    """
    if isinstance(failure, LakeloopError):
        lines = [line.strip().removeprefix("- ") for line in str(failure).splitlines()]
        return ": ".join(lines[:2])[:_MAX_REASON]
    texts = frame.select_dtypes(exclude="number") if frame is not None else pd.DataFrame()
    values = {str(value) for name in texts for value in texts[name].dropna().unique()}
    said = next(iter(str(failure).splitlines()), "")
    for quoted in (f"{mark}{value}{mark}" for value in values for mark in "'\""):
        said = said.replace(quoted, "(a value)")
    return f"{type(failure).__name__}: {said}"[:_MAX_REASON]


def answer(stream: IO[bytes]) -> Mapping[str, Any]:
    """Load the version that is asked for, after checking its checksum, and score the rows.

    Args:
        stream: The request's line, then the rows.

    Returns:
        `{"scores": [...]}`, of several classes a list per row, or `{"problem": "..."}`.

    >>> import io
    >>> answer(io.BytesIO(b"no request"))
    {'problem': 'JSONDecodeError: Expecting value: line 1 column 1 (char 0)'}
    """
    frame: pd.DataFrame | None = None
    try:
        request = ScoreRequest.parse(stream.readline())
        frame = read_rows(stream)
        from lakeloop.registry import Registry
        from lakeloop.training.fitting import predict_scores

        settings = RegistrySettings.model_validate(request.registry)
        registry = Registry(request.tracking_uri, request.project, Path(request.artifact_root), settings=settings)
        version = registry.get_version(request.model, request.version, request.run_key)
        scores = predict_scores(Task(request.task), registry.load_pipeline(version), frame, request.classes)
    except Exception as failure:  # noqa: BLE001 - whatever an artifact raises is told to the gate, which fails it
        return {"problem": first_line(failure, frame)}
    return {"scores": scores.tolist()}


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(answer(sys.stdin.buffer))}\n")
