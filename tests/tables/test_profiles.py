"""How values are spread: both ways of reading count the same, by hand, cut by time."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakeloop.tables import (
    ColumnProfile,
    TableAddress,
    TableProfile,
    has_table,
    profile_frame,
    profile_path,
    read_known,
)
from lakeloop.tables.profiles import BINS, MAX_WORDS
from tests.factories import instant

AT, LATER = instant("2013-05-01 10:00"), instant("2013-05-01 10:00:01")
COLUMNS = {
    "delay": ([0.0, 1.0, 16.0, None, math.nan, math.inf], pa.float64()),
    "seats": ([1, 1, 3, None, 3, 3], pa.int64()),
    "carrier": (["AA", "UA", "AA", None, "UA", "B6"], pa.string()),
    "always": ([7] * 6, pa.int32()),
    "never": ([None] * 6, pa.float64()),
    "is_late": ([True, False, True, True, None, None], pa.bool_()),
}
FUTURE = {"delay": 999.0, "seats": 50, "carrier": "ZZ", "always": 8, "never": 1.0, "is_late": True}


def counts(**where: int) -> list[int]:
    """A count for each stretch, 0 where none is named: `at_0=2`."""
    return [where.get(f"at_{index}", 0) for index in range(BINS)]


EXPECTED = TableProfile(
    6,
    {
        # 1 lies on the border of the second stretch, 16 is the end; an infinity is a value without a place
        "delay": ColumnProfile("double", 2, 0.0, 16.0, counts(at_0=1, at_1=1, at_15=1)),
        "seats": ColumnProfile("bigint", 1, 1.0, 3.0, counts(at_0=2, at_15=3)),
        "carrier": ColumnProfile("string", 1, words=[("AA", 2), ("UA", 2), ("B6", 1)]),
        "always": ColumnProfile("int", 0, 7.0, 7.0, counts(at_0=6)),
        "never": ColumnProfile("double", 6),
        "is_late": ColumnProfile("boolean", 2, words=[("true", 3), ("false", 1)]),
    },
)


def write(path: Path, known: list[datetime], **columns: tuple[list[object], pa.DataType]) -> TableAddress:
    """Write a table on a path, its rows known at these instants."""
    data = {name: pa.array(values, kind) for name, (values, kind) in columns.items()}
    address = TableAddress("gold", "shops", str(path))
    write_deltalake(address.path, pa.table({"available_ts": pa.array(known, pa.timestamp("us", "UTC")), **data}))
    return address


@pytest.fixture
def address(tmp_path: Path) -> TableAddress:
    columns = {name: ([*values, FUTURE[name]], kind) for name, (values, kind) in COLUMNS.items()}
    return write(tmp_path, [AT] * 6 + [LATER], **columns)


def test_every_column_is_counted_by_hand_and_a_future_row_changes_nothing(address: TableAddress) -> None:
    assert profile_path(address.path, list(COLUMNS), AT, by="available_ts") == EXPECTED


def test_spark_counts_the_same(spark: SparkSession, address: TableAddress) -> None:
    frame = spark.table(address.sql).where(F.col("available_ts") <= F.lit(AT))
    assert profile_frame(frame, list(COLUMNS)) == EXPECTED
    hidden = profile_frame(frame, ["delay", "carrier"], unseen=["delay", "carrier"])
    assert hidden == profile_path(
        address.path, ["delay", "carrier"], AT, by="available_ts", unseen=["delay", "carrier"]
    )
    nobody = profile_frame(frame.where("false"), list(COLUMNS))
    assert nobody == profile_path(address.path, list(COLUMNS), instant("2013-04-30 00:00"), by="available_ts")


def test_of_an_unseen_column_only_the_gaps_are_known(address: TableAddress) -> None:
    found = profile_path(address.path, ["delay", "carrier"], AT, by="available_ts", unseen=["delay", "carrier"])
    assert found.columns == {"delay": ColumnProfile("double", 2), "carrier": ColumnProfile("string", 1)}


def test_before_the_first_row_there_is_nothing(address: TableAddress) -> None:
    found = profile_path(address.path, ["delay", "carrier"], instant("2013-04-30 00:00"), by="available_ts")
    assert found == TableProfile(0, {"delay": ColumnProfile("double"), "carrier": ColumnProfile("string")})


def test_a_column_that_the_table_lacks_is_left_out(address: TableAddress) -> None:
    found = profile_path(address.path, ["seats", "nothing"], AT, by="available_ts")
    assert list(found.columns) == ["seats"]


def test_the_most_frequent_words_are_named_and_the_others_counted(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(MAX_WORDS + 2) for _ in range(number + 1)]
    address = write(tmp_path, [AT] * len(words), word=(list(words), pa.string()))
    found = profile_path(address.path, ["word"], AT, by="available_ts").columns["word"]
    assert found.words == [(f"w{number}", number + 1) for number in range(MAX_WORDS + 1, 1, -1)]
    assert found.others == 1 + 2


def test_too_many_different_words_have_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeloop.tables.profiles._MAX_DIFFERENT", 3)
    address = write(tmp_path, [AT] * 4, word=(["a", "b", "c", "d"], pa.string()))
    found = profile_path(address.path, ["word"], AT, by="available_ts").columns["word"]
    assert (found.words, found.others, found.nulls) == ([], None, 0)


def test_spark_names_as_many_words_and_does_not_let_one_column_push_out_another(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeloop.tables.profiles._MAX_DIFFERENT", 30)
    words = [f"w{number:02}" for number in range(MAX_WORDS) for _ in range(number + 1)]
    columns = {
        "many": ([f"m{index}" for index in range(len(words))], pa.string()),
        "word": (list(words), pa.string()),
        "place": ([float(index % BINS) for index in range(len(words))], pa.float64()),
        "few": ([f"f{index % 9}" for index in range(len(words))], pa.string()),
    }
    address = write(tmp_path, [AT] * len(words), **columns)
    found = profile_frame(spark.table(address.sql), list(columns))
    assert found == profile_path(address.path, list(columns), AT, by="available_ts")
    assert (found.columns["many"].words, found.columns["many"].others) == ([], None)
    assert [len(found.columns[name].words) for name in ("word", "few")] == [MAX_WORDS, MAX_WORDS]
    assert (found.columns["word"].others, found.columns["few"].others) == (0, 4)


def test_known_rows_are_cut_and_chosen(address: TableAddress, tmp_path: Path) -> None:
    assert len(read_known(address, "available_ts", AT)) == 6
    assert read_known(address, "available_ts", LATER, ["always"])[-1] == {"always": 8}
    flags = [{"kind": kind, "slice_key": key, "as_of": AT} for kind in ("feature", "score") for key in (None, "JFK")]
    texts = {name: ([row[name] for row in flags], pa.string()) for name in ("kind", "slice_key")}
    own = write(tmp_path / "own", [AT] * len(flags), **texts)
    found = read_known(own, "available_ts", AT, ["kind", "slice_key"], {"kind": "feature", "slice_key": None})
    assert found == [{"kind": "feature", "slice_key": None}]
    assert len(read_known(own, "available_ts", AT, where={"slice_key": "JFK"})) == 2
    nowhere = TableAddress("gold", "nowhere", str(tmp_path))
    assert (has_table(nowhere), read_known(nowhere, "available_ts", AT)) == (False, [])
