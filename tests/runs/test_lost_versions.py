"""A change feed or appended rows of which versions are gone: refused, or read whole, as it is declared. No Spark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lakeloop.errors import ConflictError, DataContractError
from lakeloop.reading import Stretch
from lakeloop.runs import reading_delta
from lakeloop.runs.reading_delta import read_delta
from lakeloop.runs.readings import Reading
from lakeloop.tables import ChangedRowsError, ForeignTable, LostVersionsError, NoFeedError
from lakeloop.tables.foreign import explain_loss
from tests.factories import instant
from tests.runs.read_projects import open_reading

JULY = instant("2014-07-01 00:00")
DONE = Stretch("weather", "delta", 0, "5c1d", "version 4", None, "4", 3, 0, ("origin",), "2014-06-01")
TABLE = ForeignTable("main.sales.weather", "5c1d", 9)


class Rows:
    """Stands for the rows of a table."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def count(self) -> int:
        return self.rows


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Stretch]]:
    """Replace what touches Spark: the table at version 9 with seven rows; gives what is staged."""
    found: list[tuple[Any, Stretch]] = []

    def stage(_: Reading, rows: Any, stretch: Stretch, left_out: Any = ()) -> Iterator[Stretch]:
        found.append((rows, stretch))
        yield stretch

    monkeypatch.setattr(reading_delta, "open_foreign", lambda *_: TABLE)
    monkeypatch.setattr(reading_delta, "read_version", lambda *_: Rows(7))
    monkeypatch.setattr(Reading, "stage", stage)
    return found


def fail(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    """Let both ways of reading on behind a version fail."""

    def stop(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr(reading_delta, "read_changes", stop)
    monkeypatch.setattr(reading_delta, "stream_appended", stop)


def read(root: Path, **declared: Any) -> list[Stretch]:
    context = open_reading(root, JULY, {"delta": TABLE.place, **declared})
    context.__dict__["spark"] = object()
    return list(read_delta(Reading(context, context.config.sources["weather"], root, [DONE])))


@pytest.mark.parametrize("changes", [True, False])
def test_by_default_lost_versions_stop_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, staged: list[Any], changes: bool
) -> None:
    fail(monkeypatch, LostVersionsError())
    with pytest.raises(ConflictError) as refused:
        read(tmp_path, changes=changes)
    assert str(refused.value.failures[0]) == (
        "versions: of those behind 4, the last one read, some are gone (vacuumed, or log expired)"
    )
    assert "declare read.lost_versions: read_whole" in refused.value.remedy
    assert staged == []


@pytest.mark.parametrize("changes", [True, False])
def test_as_declared_the_table_is_read_whole_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, staged: list[Any], changes: bool
) -> None:
    fail(monkeypatch, LostVersionsError())
    (stretch,) = read(tmp_path, changes=changes, lost_versions="read_whole")
    assert (stretch.number, stretch.label, stretch.after, stretch.through, stretch.rows) == (
        1,
        "version 9",
        "4",
        "9",
        7,
    )
    assert [each for _, each in staged] == [stretch]


@pytest.mark.parametrize(
    ("failure", "error", "told"),
    [
        (NoFeedError(), ConflictError, "changes: a version behind 4 has no change data feed"),
        (ChangedRowsError(), DataContractError, "rows: were changed or deleted behind version 4"),
    ],
)
def test_what_is_no_loss_of_versions_is_never_read_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    staged: list[Any],
    failure: Exception,
    error: type[ConflictError | DataContractError],
    told: str,
) -> None:
    fail(monkeypatch, failure)
    with pytest.raises(error) as refused:
        read(tmp_path, changes=True, lost_versions="read_whole")
    assert str(refused.value.failures[0]).startswith(told)
    assert staged == []


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (replace(TABLE, version=3), "versions: 4 was read before, the newest is 3 now"),
        (replace(TABLE, table_id="another"), "read: it was read from another delta than now"),
    ],
)
def test_a_table_that_is_not_the_one_read_before_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, staged: list[Any], table: ForeignTable, told: str
) -> None:
    monkeypatch.setattr(reading_delta, "open_foreign", lambda *_: table)
    with pytest.raises(ConflictError) as refused:
        read(tmp_path, lost_versions="read_whole")
    assert str(refused.value.failures[0]) == told


def test_a_version_that_was_read_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, staged: list[Any]
) -> None:
    monkeypatch.setattr(reading_delta, "open_foreign", lambda *_: replace(TABLE, version=4))
    assert read(tmp_path) == staged == []


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("[DELTA_VERSION_NOT_FOUND] Cannot time travel to version 1.", LostVersionsError),
        ("[DELTA_CHANGE_DATA_FILE_NOT_FOUND] File x referenced in the transaction log", LostVersionsError),
        ("[DELTA_MISSING_CHANGE_DATA] Error getting change data for range", NoFeedError),
        ("[DELTA_SOURCE_TABLE_IGNORE_CHANGES] Detected a data update", ChangedRowsError),
    ],
)
def test_what_delta_says_is_told_apart(said: str, meaning: type[Exception]) -> None:
    assert isinstance(explain_loss(RuntimeError(said)), meaning)
