"""Any Delta reader reads what lakeloop writes: Spark, delta-rs, polars and DuckDB give equal values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql.types import DecimalType, StructType

from lakeloop import schemas
from lakeloop.schemas import DATE, DOUBLE, INSTANT, LONG, TEXT, TRUTH, column
from lakeloop.tables import Lake, WriteIdentity, rewrite_words
from lakeloop.tables.in_process import arrow_schema
from tests.shared import finished_project

pytestmark = pytest.mark.loop

LAYERS = ("bronze", "gold", "monitoring", "predictions", "training_sets")
EXPECTED = {
    *("bronze/orders", "gold/shop_delays", "gold/shop_last", "predictions/late", "training_sets/late"),
    *("monitoring/drift_metrics", "monitoring/estimated_performance", "monitoring/performance"),
    *("monitoring/profile_metrics", "monitoring/quality"),
}

Rows = list[dict[str, Any]]


def by_spark(spark: SparkSession, path: str) -> Rows:
    return list(spark.read.format("delta").load(path).toArrow().to_pylist())


def by_delta_rs(_: SparkSession, path: str) -> Rows:
    return list(DeltaTable(path).to_pyarrow_table().to_pylist())


def by_polars(_: SparkSession, path: str) -> Rows:
    return list(pl.read_delta(path).to_dicts())


def by_duckdb(_: SparkSession, path: str) -> Rows:
    known = DeltaTable(path).to_pyarrow_table()
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        return list(connection.from_arrow(known).to_arrow_table().to_pylist())


OTHERS: list[Callable[[SparkSession, str], Rows]] = [by_delta_rs, by_polars, by_duckdb]


def plain(value: Any) -> Any:
    """Instants in UTC whatever zone a reader labels them with; anything inside lists and structs too."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def in_order(rows: Rows) -> Rows:
    return sorted((plain(row) for row in rows), key=lambda row: repr(sorted(row.items())))


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    """Name -> folder of every table a person may want to read."""
    workspace = finished_project().workspace
    logs = [log for layer in LAYERS for log in sorted(workspace.glob(f"{layer}/*/_delta_log"))]
    return {f"{log.parent.parent.name}/{log.parent.name}": str(log.parent) for log in logs}


def test_every_reader_gives_the_values_of_every_table(spark: SparkSession, tables: dict[str, str]) -> None:
    assert set(tables) >= EXPECTED
    for name, path in tables.items():
        expected = in_order(by_spark(spark, path))
        assert expected, name
        for read in OTHERS:
            assert in_order(read(spark, path)) == expected, f"{name} {read.__name__}"


def test_tables_ask_nothing_of_a_reader_beyond_the_first_protocol(tables: dict[str, str]) -> None:
    for name, path in tables.items():
        protocol = DeltaTable(path).protocol()
        assert protocol.min_reader_version == 1, name
        assert not protocol.reader_features, name


def test_every_gold_table_says_what_it_is_to_any_reader(tables: dict[str, str]) -> None:
    for name in ("gold/shop_delays", "gold/shop_last"):
        table = DeltaTable(tables[name])
        settings = table.metadata().configuration
        assert {"lakeloop.entity", "lakeloop.time_column", "lakeloop.source"} <= set(settings), name
        comments = {field.name: field.metadata.get("comment") for field in table.schema().fields}
        undescribed = {"last_delay_minutes"}  # an attribute that its project says nothing of
        assert {column for column, comment in comments.items() if not comment} <= undescribed, name


def test_every_reader_gives_all_types_after_the_words_were_rewritten(spark: SparkSession, lake: Lake) -> None:
    """Gold with every type that is no list, and a row of the leakage audit, whose words delta-rs has changed."""
    types = {"carrier": TEXT, "flights": LONG, "wind": DOUBLE, "is_late": TRUTH, "seen_ts": INSTANT, "on_date": DATE}
    gold = StructType([column(name, kind, "") for name, kind in {**types, "price": DecimalType(10, 2)}.items()])
    noon = datetime(2013, 5, 1, 12, 0, 0, 1, UTC)
    row = {"carrier": "ÜA 'x'", "flights": 2**40, "wind": 0.1, "is_late": False, "seen_ts": noon}
    first = row | {"on_date": date(2013, 3, 10), "price": Decimal("-12.50")}
    written = [first, dict.fromkeys(first)]
    address = lake.address("gold", "all_types")
    lake.create(address, gold, "Every type.", {"owner": "ops"})
    named = ("training_set_id", "audit_id", "model", "check", "subject", "status", "detail")
    finding = {**dict.fromkeys(named, "x"), "value": 1.5, "bound": None, "as_of": noon}
    with lake.writing():
        rows = pa.Table.from_pylist(written, arrow_schema(gold))
        lake.append(rows, address, WriteIdentity("features", "all types"))
        lake.append_own(schemas.LEAKAGE, [finding], WriteIdentity("audit", "x"))
    leakage = lake.own(schemas.LEAKAGE)
    for each, columns in ((address, gold), (leakage, schemas.LEAKAGE.columns)):
        said = StructType([column(field.name, field.dataType, "said anew") for field in columns.fields])
        assert rewrite_words(lake, each, said, "Said anew.", {"owner": "sales", "tags": "pii"})
    for each, expected in ((address, written), (leakage, [finding])):
        assert {f.metadata["comment"] for f in DeltaTable(each.path).schema().fields} == {"said anew"}
        for read in (by_spark, *OTHERS):
            assert in_order(read(spark, each.path)) == in_order(expected), f"{each} {read.__name__}"
