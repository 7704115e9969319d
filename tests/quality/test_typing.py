from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakeloop.config.source import ColumnType
from lakeloop.quality.typing import RAW, UNCOMPUTED, cast_text, type_rows
from tests.factories import declare_source, frame, instant, make_reading, rows_of, stage

STRING, INTEGER, LONG, DOUBLE = ColumnType.STRING, ColumnType.INTEGER, ColumnType.LONG, ColumnType.DOUBLE
BOOLEAN, DATE = ColumnType.BOOLEAN, ColumnType.DATE
TIMESTAMP, LOCAL = ColumnType.TIMESTAMP, ColumnType.LOCAL_TIMESTAMP
TEN = instant("2013-05-01 10:00")
INGEST = instant("2013-06-01 00:00")

CASTS: list[tuple[ColumnType, str | None, Any]] = [
    *((kind, None, None) for kind in ColumnType),
    (STRING, " UA ", " UA "),
    (STRING, "", ""),
    (INTEGER, "12", 12),
    (INTEGER, " -12 ", -12),
    (INTEGER, "12.0", None),  # what pandas makes of an integer column with gaps
    (INTEGER, "1e3", None),
    (INTEGER, "2147483648", None),  # one too many for 32 bits
    (INTEGER, "twelve", None),
    (INTEGER, "", None),
    (LONG, "2147483648", 2147483648),
    (LONG, "9223372036854775808", None),
    (DOUBLE, "1.5", 1.5),
    (DOUBLE, " 1e3", 1000.0),
    (DOUBLE, "1,5", None),
    (DOUBLE, "Infinity", float("inf")),
    (DOUBLE, "-inf", float("-inf")),
    (DOUBLE, "1e400", None),  # no number of this type; never infinity
    (DOUBLE, "1.5d", None),
    (DOUBLE, "0x1p3", None),
    (DOUBLE, ".5", 0.5),
    (DOUBLE, "-1.e3", -1000.0),
    (BOOLEAN, "true", True),
    (BOOLEAN, "FALSE", False),
    (BOOLEAN, "T", True),
    (BOOLEAN, "yes", True),
    (BOOLEAN, "0", False),
    (BOOLEAN, "on", None),
    (BOOLEAN, "maybe", None),
    (DATE, "2013-05-01", date(2013, 5, 1)),
    (DATE, "2013-02-29", None),
    (DATE, "01.05.2013", None),
    (DATE, "2013", None),  # which day?
    (DATE, "2013-5-1", None),
    (DATE, "2013-05-01 00:00:00", date(2013, 5, 1)),  # a day as pandas writes it
    (DATE, "2013-05-01 06:00:00", None),  # the hour would be lost
    (DATE, "0001-01-01", date(1, 1, 1)),
    (DATE, "9999-12-31", date(9999, 12, 31)),
    (DATE, "0000-12-31", None),
    (DATE, "10000-01-01", None),
    (TIMESTAMP, "2013-05-01T10:00:00Z", TEN),
    (TIMESTAMP, "2013-05-01 10:00:00Z", TEN),
    (TIMESTAMP, "2013-05-01T06:00:00-04:00", TEN),
    (TIMESTAMP, "2013-05-01T06:00:00-0400", TEN),
    (TIMESTAMP, "2013-05-01T10:00:00.000001Z", instant("2013-05-01 10:00:00.000001")),
    (TIMESTAMP, "2013-05-01T10:00Z", TEN),
    (TIMESTAMP, "2013-05-01 06:00-04:00", TEN),
    (TIMESTAMP, "2013-05-01T10:00:00", None),  # whose ten o'clock?
    (TIMESTAMP, "2013-05-01", None),
    (TIMESTAMP, "T10:00:00Z", None),  # of which day? never of today
    (TIMESTAMP, "10:00:00Z", None),
    (TIMESTAMP, "2013-05-01T25:00:00Z", None),
    (TIMESTAMP, "yesterday Z", None),
    (TIMESTAMP, "0001-01-03T00:00:00Z", instant("0001-01-03 00:00")),
    (TIMESTAMP, "9999-12-31T23:59:59.999999Z", instant("9999-12-31 23:59:59.999999")),
    (TIMESTAMP, "9999-12-31T23:00:00-05:00", None),  # in UTC that is the year 10000
    (TIMESTAMP, "0001-01-01T00:00:00+05:00", None),  # and that the year 0
    (TIMESTAMP, "2013-02-30T00:00:00Z", None),
    (LOCAL, "2013-05-01 10:00:00", TEN),  # the instant at which a clock in UTC shows it
    (LOCAL, "2013-05-01T10:00", TEN),
    (LOCAL, "2013-05-01 10:00:00.5", instant("2013-05-01 10:00:00.5")),
    (LOCAL, "2013-03-10 02:30:00", instant("2013-03-10 02:30")),  # no clock in New York showed it: not its concern
    (LOCAL, "2013-05-01 10:00:00Z", None),
    (LOCAL, "2013-05-01 10:00:00-04:00", None),
    (LOCAL, "2013-05-01", None),
    (LOCAL, "10:00:00", None),
    (LOCAL, "2013-05-01 ten", None),
]


@pytest.fixture(scope="module")
def cast(zoned: SparkSession) -> dict[tuple[ColumnType, str | None], Any]:
    """All casts in one frame: a column for each type."""
    texts = frame(zoned, "text string", [{"text": text} for text in sorted({text for _, text, _ in CASTS if text})])
    more = frame(zoned, "text string", [{"text": None}, {"text": ""}])
    found = rows_of(
        texts.union(more).select("text", *(cast_text(F.col("text"), kind).alias(kind) for kind in ColumnType))
    )
    return {(kind, row["text"]): row[kind] for row in found for kind in ColumnType}


@pytest.mark.parametrize(("kind", "text", "value"), CASTS)
def test_cast_text_reads_a_value_or_gives_null(
    cast: dict[tuple[ColumnType, str | None], Any], kind: ColumnType, text: str | None, value: Any
) -> None:
    assert cast[kind, text] == value


def test_type_rows_types_derives_and_keeps_the_text(zoned: SparkSession) -> None:
    source = declare_source(
        derive={
            "wind_ms": {"as": "wind_mph * 0.5", "type": "double"},
            "is_calm": {"as": "wind_ms < 1", "type": "boolean"},  # over a derived column above it
        }
    )
    records = [
        make_reading(),
        make_reading(origin=None, observed_ts="ten", wind_mph="strong"),
    ]

    found = type_rows(stage(zoned, source, records), source, INGEST)

    columns = (
        f"{RAW} struct<origin: string, observed_ts: string, wind_mph: string>, origin string, observed_ts timestamp,"
        " wind_mph double, _malformed string, _source_file string, _content_hash string, _source_row bigint,"
        " wind_ms double, is_calm boolean, event_ts timestamp, available_ts timestamp, _uncomputed array<string>"
    )
    place = {"_source_file": "a.csv", "_content_hash": "hash"}
    expected = [
        {
            RAW: ("EWR", "2013-05-01T10:00:00Z", "5.5"),
            "origin": "EWR",
            "observed_ts": TEN,
            "wind_mph": 5.5,
            **place,
            "_source_row": 1,
            "wind_ms": 2.75,
            "is_calm": False,
            "event_ts": TEN,
            "available_ts": instant("2013-05-01 11:00"),
            "_uncomputed": [],
        },
        {RAW: (None, "ten", "strong"), **place, "_source_row": 2, "_uncomputed": []},
    ]
    assert_df_equality(found, frame(zoned, columns, expected), ignore_nullable=True, ignore_row_order=True)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        # Declared: an hour after the observation. The rows arrive with the ingest as of the first of June.
        (None, {"2013-05-01T10:00:00Z": "2013-06-01 00:00", "2013-06-01T10:00:00Z": "2013-06-01 11:00"}),
        (
            {"trusted_until": "2013-05-15T00:00:00Z"},
            {
                "2013-05-01T10:00:00Z": "2013-05-01 11:00",  # the declared instant alone counts
                "2013-05-14T23:00:00Z": "2013-05-15 00:00",  # up to that very instant
                "2013-05-14T23:00:00.000001Z": "2013-06-01 00:00",
                "2013-06-01T10:00:00Z": "2013-06-01 11:00",
            },
        ),
    ],
)
def test_type_rows_takes_the_later_of_declared_and_observed_availability(
    spark: SparkSession, history: dict[str, str] | None, expected: dict[str, str]
) -> None:
    source = declare_source(history=history)
    records = [make_reading(observed_ts=text) for text in expected]
    found = rows_of(type_rows(stage(spark, source, records), source, INGEST))
    assert {row[RAW]["observed_ts"]: row["available_ts"] for row in found} == {
        text: instant(available) for text, available in expected.items()
    }


def test_type_rows_gives_null_where_a_derived_value_can_not_be_cast(spark: SparkSession) -> None:
    source = declare_source(
        derive={"number": {"as": "substring(origin, 1, 2)", "type": "integer"}},
        event_ts="concat(substring(origin, 3), 'T10:00:00Z')",
    )
    records = [make_reading(origin="122013-05-01"), make_reading(origin="EWR")]
    found = rows_of(type_rows(stage(spark, source, records), source, INGEST), "origin")
    assert [(row["number"], row["event_ts"]) for row in found] == [(12, TEN), (None, None)]
    assert [row[UNCOMPUTED] for row in found] == [[], ["number", "event_ts"]]
