"""A lake that is only read: what is recorded over it is in memory alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeloop import schemas
from lakeloop.errors import ConflictError
from lakeloop.statuses import Outcome
from lakeloop.tables import Lake, RememberedLake, WriteIdentity

NOON = datetime(2024, 1, 25, 12, tzinfo=UTC)
WINDOW = (NOON - timedelta(days=7), NOON)


def no_spark():
    raise AssertionError("a remembered table needs no session")


@pytest.fixture
def below(tmp_path: Path) -> Lake:
    return Lake(no_spark, tmp_path / "workspace", retention=timedelta(days=30))


@pytest.fixture
def lake(below: Lake) -> RememberedLake:
    return RememberedLake(below, [schemas.FLAGS, schemas.DRIFT_METRICS])


def flag(flag_id: str, as_of: datetime = NOON) -> dict[str, object]:
    return {"flag_id": flag_id, "event": "raised", "model": "late", "as_of": as_of}


def test_nothing_is_written_below(lake, below):
    with lake.writing():
        lake.append_own(schemas.FLAGS, [flag("f1")], WriteIdentity("flags", "f1"))
    assert len(lake.own_rows(schemas.FLAGS, None)) == 1
    assert below.own_rows(schemas.FLAGS, None) == []
    assert not below.workspace.exists()


def test_rows_come_back_as_a_table_gives_them(lake):
    lake.append_own(
        schemas.DRIFT_METRICS, [{"model": "late", "window": WINDOW, "as_of": NOON}], WriteIdentity("m", "1")
    )
    (row,) = lake.own_rows(schemas.DRIFT_METRICS, NOON)
    assert row["window"] == {"start": WINDOW[0], "end": WINDOW[1]}
    assert row["column_name"] is None
    assert set(row) == set(schemas.DRIFT_METRICS.columns.fieldNames())


def test_time_is_cut(lake):
    for number in range(3):
        at = NOON + timedelta(hours=number)
        lake.append_own(schemas.FLAGS, [flag(f"f{number}", at)], WriteIdentity("flags", f"{number}"))
    assert [row["flag_id"] for row in lake.own_rows(schemas.FLAGS, NOON + timedelta(hours=1))] == ["f0", "f1"]
    assert [row["flag_id"] for row in lake.own_rows(schemas.FLAGS, None, {"flag_id": "f2"})] == ["f2"]


def test_the_same_write_counts_once_and_keeps_its_notes(lake):
    write = WriteIdentity("flags", "f1")
    first = lake.append_own(schemas.FLAGS, [flag("f1")], write, notes={"windows": ("a", "b")})
    again = lake.append_own(schemas.FLAGS, [flag("f2")], write)
    assert (first.outcome, again.outcome) == (Outcome.WRITTEN, Outcome.SKIPPED)
    assert again.notes == {"windows": ["a", "b"]}  # as a commit gives them
    assert [row["flag_id"] for row in lake.own_rows(schemas.FLAGS, None)] == ["f1"]


def test_the_same_unit_from_other_inputs_is_a_conflict(lake):
    lake.append_own(schemas.FLAGS, [flag("f1")], WriteIdentity("flags", "f1", "a"))
    with pytest.raises(ConflictError):
        lake.append_own(schemas.FLAGS, [flag("f1")], WriteIdentity("flags", "f1", "b"))


def test_two_lakes_over_one_do_not_know_of_each_other(below, lake):
    lake.append_own(schemas.FLAGS, [flag("f1")], WriteIdentity("flags", "f1"))
    assert RememberedLake(below, [schemas.FLAGS]).own_rows(schemas.FLAGS, None) == []


def test_what_is_not_remembered_is_only_read(lake):
    assert lake.own_rows(schemas.PROMOTIONS, None) == []
    with pytest.raises(AssertionError, match="is only read"):
        lake.append_own(schemas.PROMOTIONS, [{"model": "late"}], WriteIdentity("p", "1"))
    with pytest.raises(AssertionError, match="is only read"):
        lake.append(None, lake.own(schemas.FLAGS), WriteIdentity("p", "1"))
