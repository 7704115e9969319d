"""Stretches: what was read in one go, staged as Parquet of text as landed files are, before anything speaks of it.

A stretch is staged whole or not at all, and what is staged is never read again. So a job that is killed, or a rule that
stops a batch, finds the same rows under the same identity, whatever became of the place they were read from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_SAID = "_stretch.json"
_PART = ".part-"


@dataclass(frozen=True)
class Stretch:
    """A stretch of rows that was read in one go.

    Attributes:
        source: Its source.
        kind: `delta`, `jdbc` or `stream`.
        number: 0, 1, 2 ... in the order in which the source was read.
        of: What it was read from: the id of a table, or the hash of what was asked.
        label: What it is, for a person; no value of the data.
        after: What was read before ends here: a version, a watermark as text; None for the first.
        through: It ends here.
        rows: Rows counted at the place they were read from.
        deletes: Deleted rows that a change data feed told and that are no rows here.
        columns: Declared columns it was staged with.
        as_of: Logical now of the ingest that read it, ISO.
    """

    source: str
    kind: str
    number: int
    of: str
    label: str
    after: str | None
    through: str | None
    rows: int
    deletes: int
    columns: tuple[str, ...]
    as_of: str

    @property
    def file(self) -> str:
        """Name under which it stands where landed files have their names; in the order of the numbers."""
        return f"{self.number:06d} {self.label}"

    @property
    def content_hash(self) -> str:
        """Identity. Where it ends is no part of it: one that was not recorded may be read again and end later.

        >>> first = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "0", 3, 0, ("order",), "2024-01-01")
        >>> len(first.content_hash), first.file
        (64, '000000 version 0')
        """
        parts = (self.source, self.kind, self.number, self.of, self.after)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def to_json(self) -> str:
        """Write it for the record.

        >>> first = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "0", 3, 0, ("order",), "2024-01-01")
        >>> first.to_json().partition(",")[0]
        '{"after": null'
        """
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Stretch:
        """Read it from the record.

        >>> first = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "0", 3, 0, ("order",), "2024-01-01")
        >>> Stretch.from_json(first.to_json()) == first
        True
        """
        said = json.loads(text)
        return cls(**{**said, "columns": tuple(said["columns"])})


def folder_of(staging: Path, stretch: Stretch) -> Path:
    """Name the folder in which a stretch is staged.

    >>> first = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "0", 3, 0, ("order",), "2024-01-01")
    >>> folder_of(Path("admitted/orders"), first).name == first.content_hash
    True
    """
    return staging / stretch.content_hash


def stage(texts: DataFrame, staging: Path, stretch: Stretch) -> int:
    """Stage a stretch whose rows were counted; nothing is left of one that is not whole.

    Args:
        texts: Its rows, declared columns as text, of `write_texts`; read once.
        staging: Where the source's stretches are staged.
        stretch: What is said of it.

    Returns:
        Rows that were found; the stretch is staged when they are those that were counted.

    >>> import tempfile
    >>> first = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "0", 2, 0, ("order",), "2024-01-01")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     texts = spark.sql("select * from values ('1', null), ('2', null) as t(order, _malformed)")
    ...     stage(texts, Path(folder), first), find_staged(Path(folder)) == [first]
    (2, True)
    """
    write_part(texts, staging, stretch)
    return settle(staging, stretch)


def write_part(texts: DataFrame, staging: Path, stretch: Stretch) -> None:
    """Write the rows of a stretch whose end or number of rows is not known yet.

    Args:
        texts: Its rows, declared columns as text, of `write_texts`; read once.
        staging: Where the source's stretches are staged.
        stretch: What is said of it; the end and the rows may change until it is settled.

    >>> import tempfile
    >>> first = Stretch("orders", "delta", 0, "5c1d", "version 0", None, None, 0, 0, ("order",), "2024-01-01")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_part(spark.sql("select '1' as order"), Path(folder), first)
    ...     find_staged(Path(folder))
    []
    """
    numbered = texts.withColumns(
        {
            "_source_file": F.lit(stretch.file),
            "_content_hash": F.lit(stretch.content_hash),
            "_source_row": F.monotonically_increasing_id() + 1,
        }
    )
    part = staging / f"{_PART}{stretch.content_hash}"
    shutil.rmtree(part, ignore_errors=True)
    numbered.write.parquet(str(part))


def settle(staging: Path, stretch: Stretch) -> int:
    """Stage what was written, when it has as many rows as were counted; drop it when not.

    Args:
        staging: Where the source's stretches are staged.
        stretch: What is said of it, with its end and the rows that were counted where they were read from.

    Returns:
        Rows that were found.

    >>> import tempfile
    >>> from dataclasses import replace
    >>> first = Stretch("orders", "delta", 0, "5c1d", "version 0", None, None, 0, 0, ("order",), "2024-01-01")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_part(spark.sql("select '1' as order"), Path(folder), first)
    ...     settle(Path(folder), replace(first, through="4", rows=1)), len(find_staged(Path(folder)))
    (1, 1)
    """
    part = staging / f"{_PART}{stretch.content_hash}"
    rows: int = sum(pq.read_metadata(each).num_rows for each in part.glob("part-*.parquet"))
    (part / _SAID).write_text(stretch.to_json(), encoding="utf-8")
    if rows == stretch.rows:
        part.rename(folder_of(staging, stretch))
    else:
        shutil.rmtree(part)
    return rows


def find_staged(staging: Path) -> list[Stretch]:
    """Find what is staged, in the order in which it was read.

    Args:
        staging: Where the source's stretches are staged.

    Returns:
        The stretches; what an attempt left unfinished is removed.

    >>> find_staged(Path("/no/folder"))
    []
    """
    for unfinished in staging.glob(f"{_PART}*"):
        shutil.rmtree(unfinished)
    said = [path.read_text(encoding="utf-8") for path in staging.glob(f"*/{_SAID}")]
    return sorted((Stretch.from_json(each) for each in said), key=lambda each: each.number)


def drop_staged(staging: Path, stretch: Stretch) -> None:
    """Remove a staged stretch that no record speaks of, so that it is read again.

    >>> drop_staged(Path("/no/folder"), Stretch("orders", "delta", 0, "", "", None, "0", 2, 0, (), ""))  # nothing there
    """
    shutil.rmtree(folder_of(staging, stretch), ignore_errors=True)
