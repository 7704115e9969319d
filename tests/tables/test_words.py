"""What tables say of themselves follows the declaration; what is said changes nothing that is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lakeloop.errors import NotReadyError
from lakeloop.schemas import TEXT, column
from lakeloop.tables import Lake, TableAddress, rewrite_words
from lakeloop.tables.integrity import ACCEPTED_THROUGH
from lakeloop.tables.words import Words, compare_words

SHOPS: Mapping[str, str] = {"shop": "who sold it", "town": "where it is"}
OWNER = {"owner": "ops", "unit.tip": "cent"}


def columns(**changes: str) -> StructType:
    return StructType([column(name, TEXT, meaning) for name, meaning in (SHOPS | changes).items()])


@pytest.fixture
def path_lake(tmp_path: Path) -> Lake:
    """A lake on a path that starts no Spark."""
    return Lake(lambda: pytest.fail("Spark was started"), tmp_path, retention=timedelta(days=30))


@pytest.fixture
def table(path_lake: Lake) -> TableAddress:
    address = path_lake.address("gold", "shops")
    path_lake.create(address, columns(), "One row per shop.", OWNER)
    return address


def said(address: TableAddress) -> tuple[str, dict[str, str], dict[str, str]]:
    """Description, comments and lakeloop's properties of a table on a path; its format is no word."""
    found = DeltaTable(address.path)
    metadata, own = found.metadata(), "lakeloop."
    comments = {each.name: each.metadata["comment"] for each in found.schema().fields}
    properties = {key[len(own) :]: value for key, value in metadata.configuration.items() if key.startswith(own)}
    assert properties.pop("format") == "1"
    return metadata.description, comments, properties


def test_an_unchanged_declaration_makes_no_version(path_lake: Lake, table: TableAddress) -> None:
    assert not rewrite_words(path_lake, table, columns(), "One row per shop.", OWNER)
    assert path_lake.version(table) == 0


@pytest.mark.parametrize(("layer", "found"), [("bronze", "nothing has landed yet"), ("gold", "does not exist")])
def test_the_version_of_a_table_that_is_not_there_is_not_ready(path_lake: Lake, layer: str, found: str) -> None:
    with pytest.raises(NotReadyError) as raised:
        path_lake.version(path_lake.address(layer, "deliveries"))
    assert str(raised.value).splitlines()[:2] == [f"{layer}.deliveries: not ready", f"  - table: {found}"]
    assert ("lakeloop ingest" in raised.value.remedy) == (layer == "bronze")


@pytest.mark.parametrize(
    ("comments", "description", "properties"),
    [
        ({"town": "where it stands"}, "One row per shop.", OWNER),
        ({}, "A shop.", OWNER),
        ({}, "", OWNER),
        ({}, "One row per shop.", OWNER | {"owner": "sales", "tags.town": "place"}),
        ({"shop": "its 'name' [\\text]", "town": ""}, "A shop.", OWNER | {"owner": ""}),
    ],
)
def test_other_words_are_said_once(
    path_lake: Lake, table: TableAddress, comments: dict[str, str], description: str, properties: dict[str, str]
) -> None:
    given = (columns(**comments), description, properties)
    assert rewrite_words(path_lake, table, *given)
    assert said(table) == (description, {**SHOPS, **comments}, properties)
    version = path_lake.version(table)
    assert not rewrite_words(path_lake, table, *given)
    assert path_lake.version(table) == version


def test_a_word_that_is_declared_no_more_is_taken_back_and_a_persons_own_stay(
    path_lake: Lake, table: TableAddress
) -> None:
    alter = DeltaTable(table.path).alter
    alter.set_table_properties({ACCEPTED_THROUGH: "7", "team": "blue"}, raise_if_not_exists=False)
    assert rewrite_words(path_lake, table, columns(), "One row per shop.", {"owner": "ops"})
    assert said(table)[2] == {"owner": "ops", "unit.tip": "", "accepted_through": "7"}
    assert DeltaTable(table.path).metadata().configuration["team"] == "blue"
    assert not rewrite_words(path_lake, table, columns(), "One row per shop.", {"owner": "ops"})


def test_columns_that_are_not_declared_or_not_there_are_left_alone(path_lake: Lake, table: TableAddress) -> None:
    declared = StructType([column("shop", TEXT, "its name"), column("opened", TEXT, "not there yet")])
    assert rewrite_words(path_lake, table, declared, "One row per shop.", OWNER)
    assert said(table)[1] == {"shop": "its name", "town": "where it is"}


def test_nothing_is_said_of_a_table_that_is_not_there(path_lake: Lake) -> None:
    address = path_lake.address("gold", "none")
    assert not rewrite_words(path_lake, address, columns(), "A shop.", OWNER)
    assert not path_lake.exists(address)


def test_new_words_are_no_damage_and_no_write(path_lake: Lake, table: TableAddress) -> None:
    """The newest write, by which heads and pinned versions go, stays what it was."""
    head = path_lake.read_head(table)
    rewrite_words(path_lake, table, columns(shop="its name"), "A shop.", {"owner": "sales"})
    assert path_lake.version(table) == 3
    assert path_lake.read_head(table) == head
    assert path_lake.damage(table, head) is path_lake.damage(table, None) is None


words = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["", "x", "y"]))
any_words = st.builds(Words, st.sampled_from(["", "x"]), words, words.map(lambda found: prefixed(found)))


def prefixed(found: Mapping[str, str]) -> dict[str, str]:
    return {f"lakeloop.{name}": each for name, each in found.items()}


@given(any_words, any_words)
def test_what_was_said_anew_needs_no_more_words(now: Words, declared: Words) -> None:
    new = compare_words(now, declared)
    after = Words(
        now.description if new.description is None else new.description,
        {**now.comments, **new.comments},
        {**now.properties, **new.properties},
    )
    assert not compare_words(after, declared)
    assert after.description == declared.description
    assert {name: each for name, each in after.comments.items() if name not in declared.comments} == {
        name: each for name, each in now.comments.items() if name not in declared.comments
    }


@pytest.fixture
def catalogued(spark: SparkSession, tmp_path: Path) -> Iterator[Callable[[], TableAddress]]:
    """Make a table in the session's catalog."""
    spark.sql("CREATE DATABASE IF NOT EXISTS words")
    lake = Lake(spark, tmp_path, retention=timedelta(days=30), catalog="spark_catalog")
    address = lake.address("words", "shops")

    def make() -> TableAddress:
        lake.create(address, columns(), "One row per shop.", OWNER)
        return address

    yield make
    spark.sql("DROP DATABASE words CASCADE")


def test_a_catalog_is_told_the_same(
    spark: SparkSession, tmp_path: Path, catalogued: Callable[[], TableAddress]
) -> None:
    lake, address = Lake(spark, tmp_path, retention=timedelta(days=30), catalog="spark_catalog"), catalogued()
    declared = (columns(shop="the shop's name"), "A shop.", {"owner": "sales"})
    assert [rewrite_words(lake, address, *declared) for _ in range(2)] == [True, False]
    assert lake.columns(address)["shop"].metadata["comment"] == "the shop's name"
    (row,) = spark.sql(f"DESCRIBE DETAIL {address.sql}").collect()
    assert (row["description"], row["properties"]["lakeloop.owner"]) == ("A shop.", "sales")
    assert not rewrite_words(lake, address, *declared)
