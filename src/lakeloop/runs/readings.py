"""What a source reads where it is -> stretches that are staged, each taken in as a landed file is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pyspark.sql import DataFrame

from lakeloop.config.mistakes import listed
from lakeloop.config.read import Read, ReadKind
from lakeloop.config.source import Source
from lakeloop.errors import AccountingError, ConflictError, DataContractError, Failure
from lakeloop.landing import MALFORMED, FileStatus, LandedFile, RefusedError, match_columns
from lakeloop.quality.texts import list_no_values, write_texts
from lakeloop.reading import Stretch, drop_staged, find_staged, stage
from lakeloop.runs.context import Context

_RENAME = "give the changed source a new name, under which it is read from its beginning; or undo the change"


def as_landed(stretch: Stretch) -> LandedFile:
    """Give a stretch the form of a landed file that was admitted.

    Args:
        stretch: The stretch.

    Returns:
        What is recorded of it.

    >>> stretch = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "0", 3, 0, ("order",), "2024-01-01")
    >>> as_landed(stretch).file, as_landed(stretch).raw_rows
    ('000000 version 0', 3)
    """
    said = stretch.to_json()
    return LandedFile(stretch.file, stretch.content_hash, 0, 0, FileStatus.ADMITTED, None, stretch.rows, said)


def list_stretches(files: Sequence[LandedFile]) -> list[Stretch]:
    """List the stretches among what was admitted, in the order in which they were read.

    >>> stretch = Stretch("orders", "delta", 0, "5c1d", "version 0", None, "0", 3, 0, ("order",), "2024-01-01")
    >>> list_stretches([as_landed(stretch)]) == [stretch]
    True
    """
    found = [Stretch.from_json(each.stretch) for each in files if each.stretch is not None]
    return sorted(found, key=lambda each: each.number)


class Reading:
    """One source while it is read: what was read before, and how the next stretch is staged.

    Attributes:
        context: Project, lake and logical now.
        source: The source's declaration.
        read: What it reads.
        staging: Where its stretches are staged.
        done: The stretches that were read before, in their order.

    >>> declared = {"source": "orders", "read": {"delta": "/orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> reading = Reading(fresh, source, Path("admitted/orders"), [])
    >>> first = reading.begin("5c1d", "version 0")
    >>> first.number, reading.last
    (0, None)
    >>> try:
    ...     reading.assert_counted(first, found=3)
    ... except AccountingError as error:
    ...     print(error.failures[0])
    rows: 0 were counted where they are, 3 were read
    """

    def __init__(self, context: Context, source: Source, staging: Path, done: Sequence[Stretch]) -> None:
        if source.read is None:
            raise ValueError(f"source {source.source} is not read, its files land")
        self.context, self.source, self.read, self.staging = context, source, source.read, staging
        self.done = list(done)

    @property
    def last(self) -> Stretch | None:
        """The stretch that was read last."""
        return self.done[-1] if self.done else None

    def begin(self, of: str, label: str, after: str | None = None) -> Stretch:
        """Begin the next stretch.

        Args:
            of: What it is read from.
            label: What it is, for a person.
            after: What was read before ends here.

        Returns:
            A stretch without an end.

        Raises:
            ConflictError: If what was read before was read from something else.
        """
        kind = self.read.word
        if self.last is not None and (self.last.kind, self.last.of) != (kind, of):
            found = f"it was read from another {self.last.kind} than now"
            raise ConflictError(f"source {self.source.source}", [Failure("read", found)], _RENAME)
        number = 0 if self.last is None else self.last.number + 1
        columns, as_of = tuple(self.source.columns), self.context.as_of.isoformat()
        return Stretch(self.source.source, kind, number, of, label, after, None, 0, 0, columns, as_of)

    def as_texts(self, rows: DataFrame, left_out: Sequence[str] = ()) -> DataFrame:
        """Match the columns by name and write the rows as text.

        Args:
            rows: Rows as they were read.
            left_out: Columns that are none of the rows' own.

        Returns:
            Rows of `write_texts`.

        Raises:
            DataContractError: If the columns are not those declared, or one has a type that is no single value.
        """
        name, own = f"source {self.source.source}", (*left_out, MALFORMED)
        names = [each for each in rows.columns if each not in own]
        try:
            matched = match_columns(self.source, names)
        except RefusedError as refused:
            remedy = "mend what is read, or declare read.new_columns or read.missing_columns"
            raise DataContractError(name, [Failure("columns", str(refused))], remedy) from None
        odd = list_no_values(rows, [*matched.known, *matched.unknown])
        if odd:
            found = Failure("columns", f"of a type that is no single value: {listed(odd)}")
            raise DataContractError(name, [found], "read them as text, or leave them out by new_columns: ignore")
        return write_texts(rows, self.source, matched.known, matched.unknown)

    def stage(self, rows: DataFrame, stretch: Stretch, left_out: Sequence[str] = ()) -> Iterator[Stretch]:
        """Stage a stretch whose rows were counted.

        Args:
            rows: Its rows.
            stretch: The stretch, with its end and its rows.
            left_out: Columns that are none of the rows' own.

        Yields:
            The stretch.

        Raises:
            AccountingError: If other rows are there than were counted.
        """
        found = stage(self.as_texts(rows, left_out), self.staging, stretch)
        self.assert_counted(stretch, found)
        yield stretch

    def assert_counted(self, stretch: Stretch, found: int) -> None:
        """Check that the rows that were read are those that were counted where they are.

        Raises:
            AccountingError: If it is not so.
        """
        if found != stretch.rows:
            raise AccountingError(
                f"source {self.source.source}",
                [Failure("rows", f"{stretch.rows} were counted where they are, {found} were read")],
                "it was changed while it was read; nothing of it was taken in: ingest again",
            )


def take_staged(source: Source, read: Read, staging: Path, recorded: set[str]) -> list[Stretch]:
    """Take up what an earlier attempt staged and did not come to record.

    Args:
        source: The source's declaration.
        read: What it reads.
        staging: Where its stretches are staged.
        recorded: Identities of what is recorded.

    Returns:
        The stretches, in the order in which they were read; what was staged for other columns is dropped.

    Raises:
        ConflictError: If it was staged for other columns, from a stream that does not give it again.

    >>> declared = {"source": "orders", "read": {"delta": "/orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> source = Source.model_validate(declared)
    >>> take_staged(source, source.read, Path("/no/folder"), set())
    []
    """
    found = []
    for each in find_staged(staging):
        if each.content_hash in recorded:
            continue
        if each.columns == tuple(source.columns):
            found.append(each)
        elif read.kind is ReadKind.STREAM:
            failure = Failure("columns", "were changed after rows were read from the stream that are not taken in yet")
            remedy = "undo the change, ingest, then make it again"
            raise ConflictError(f"source {source.source}", [failure], remedy)
        else:
            drop_staged(staging, each)
    return found


def end(stretch: Stretch, through: str | None, rows: int, deletes: int = 0) -> Stretch:
    """Say where a stretch ends and what was counted in it.

    Args:
        stretch: The stretch, without an end.
        through: It ends here.
        rows: Rows counted in it.
        deletes: Deleted rows that were told and are no rows of it.

    Returns:
        The stretch with its end.

    >>> begun = Stretch("orders", "delta", 0, "5c1d", "version 0", None, None, 0, 0, ("order",), "2024-01-01")
    >>> end(begun, "4", 3).through
    '4'
    """
    return replace(stretch, through=through, rows=rows, deletes=deletes)
