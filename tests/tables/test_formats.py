"""Tables carry the format they are written in: older ones come to the newest, newer ones are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StructType

from lakeloop.errors import NewerFormatError
from lakeloop.schemas import DECISIONS, FEATURE_BUILDS, TEXT, column
from lakeloop.tables import Lake, TableAddress, WriteIdentity, has_table, read_known, rewrite_words
from lakeloop.tables.formats import MIGRATIONS, migrate, pending, read_format
from lakeloop.tables.in_process import create_table
from lakeloop.tables.settings import FORMAT, FORMAT_PROPERTY, retention_settings

NOON = datetime(2024, 1, 25, 12, tzinfo=UTC)
BUILD = {
    "feature_table": "shops",
    "built_from": None,
    "built_through": NOON,
    "rows": 3,
    "spec_hash": "a",
    "gold_version": 1,
    "as_of": NOON,
}


def lake_in(folder: Path) -> Lake:
    return Lake(lambda: pytest.fail("Spark was started"), folder, retention=timedelta(days=30))


def write(lake: Lake, unit: str) -> None:
    with lake.writing():
        lake.append_own(FEATURE_BUILDS, [BUILD], WriteIdentity("features", unit))


def format_of(address: TableAddress) -> str | None:
    return DeltaTable(address.path).metadata().configuration.get(FORMAT_PROPERTY)


def say(address: TableAddress, said: str) -> None:
    DeltaTable(address.path).alter.set_table_properties({FORMAT_PROPERTY: said}, raise_if_not_exists=False)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one table, as this release writes it."""
    lake = lake_in(tmp_path)
    write(lake, "first")
    return lake


def test_the_steps_lead_from_no_format_to_the_one_that_is_written() -> None:
    assert [each.to for each in MIGRATIONS] == list(range(1, FORMAT + 1))
    assert all(each.tells for each in MIGRATIONS)
    assert [len(pending(found)) for found in range(FORMAT + 1)] == list(range(FORMAT, -1, -1))


def test_a_new_table_carries_its_format_from_its_creation(lake: Lake) -> None:
    address = lake.own(FEATURE_BUILDS)
    assert format_of(address) == str(FORMAT)
    assert lake.version(address) == 1  # created with it, then one append


@pytest.mark.parametrize(("said", "found"), [({}, 0), ("", 0), ("1", 1), ("07", 7), ("-1", None), ("1.0", None)])
def test_a_format_is_a_whole_number_and_none_is_the_first(said: str | dict[str, str], found: int | None) -> None:
    assert read_format({FORMAT_PROPERTY: said} if isinstance(said, str) else said) == found


def test_a_table_without_a_format_gets_one_with_the_next_write_and_keeps_its_rows(lake: Lake, tmp_path: Path) -> None:
    address = lake.own(FEATURE_BUILDS)
    say(address, "")  # as an earlier release leaves it, which takes the word for one of a declaration
    earlier, before = lake_in(tmp_path), lake.version(address)
    assert earlier.own_rows(FEATURE_BUILDS, None) == [BUILD]
    assert earlier.version(address) == before  # a read writes nothing

    write(earlier, "second")

    assert format_of(address) == str(FORMAT)
    assert earlier.own_rows(FEATURE_BUILDS, None) == [BUILD, BUILD]
    assert earlier.version(address) == before + 2
    write(lake_in(tmp_path), "second")
    assert lake.version(address) == before + 2  # nothing to stamp, and the same write


def test_a_table_that_never_had_one_gets_it_beside_its_own_properties(tmp_path: Path) -> None:
    lake, columns = lake_in(tmp_path), StructType([column("shop", TEXT, "the shop")])
    address = lake.address("gold", "shops")
    earlier = retention_settings(timedelta(days=30)) | {"lakeloop.owner": "ops"}
    create_table(address.path, columns, "A shop.", earlier)
    lake.create(address, columns, "A shop.", {"owner": "ops"})
    lake_in(tmp_path).create(address, columns, "A shop.", {"owner": "ops"})
    assert dict(DeltaTable(address.path).metadata().configuration) == earlier | {FORMAT_PROPERTY: str(FORMAT)}
    assert lake.version(address) == 1
    assert lake.damage(address, None) is None  # the stamp is nobody's change


def test_words_of_the_declaration_leave_the_format_alone(tmp_path: Path) -> None:
    lake, columns = lake_in(tmp_path), StructType([column("shop", TEXT, "the shop")])
    address = lake.address("gold", "shops")
    lake.create(address, columns, "A shop.", {"owner": "ops"})
    assert rewrite_words(lake, address, columns, "A shop.", {"owner": "shops"})
    assert format_of(address) == str(FORMAT)


def test_migrating_twice_changes_nothing() -> None:
    once = migrate({"lakeloop.owner": "ops", "delta.appendOnly": "true"})
    assert once == {FORMAT_PROPERTY: str(FORMAT)}
    assert migrate({"lakeloop.owner": "ops"} | once) == {}


@pytest.mark.parametrize("said", [str(FORMAT + 1), "next"])
def test_a_newer_format_is_refused_before_anything_is_read_or_written(lake: Lake, tmp_path: Path, said: str) -> None:
    address = lake.own(FEATURE_BUILDS)
    say(address, said)
    newer, before = lake_in(tmp_path), DeltaTable(address.path).version()
    attempts = {
        "exists": lambda: newer.exists(address),
        "rows": lambda: newer.own_rows(FEATURE_BUILDS, NOON),
        "uncut": lambda: newer.read_uncut(address),
        "write": lambda: write(newer, "second"),
        "known": lambda: read_known(address, "as_of", NOON),
        "has": lambda: has_table(address),
    }
    for name, attempt in attempts.items():
        with pytest.raises(NewerFormatError) as refused:
            attempt()
        assert str(refused.value) == (
            "ops.feature_builds: written by a newer lakeloop\n"
            f"  - format: it is {said}; this release reads formats up to {FORMAT}\n"
            "  remedy: install the lakeloop that wrote it, or a newer one; nothing was changed"
        ), name
    assert DeltaTable(address.path).version() == before


def test_another_table_of_the_workspace_is_read_as_before(lake: Lake, tmp_path: Path) -> None:
    say(lake.own(FEATURE_BUILDS), "9")
    assert lake_in(tmp_path).own_rows(DECISIONS, NOON) == []
