from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql.types import ArrayType, DataType, StructType

from lakeloop import schemas
from lakeloop.config import load_config
from lakeloop.reporting.recorded import MAX_STRIP_WINDOWS
from lakeloop.runs.context import Context
from lakeloop.runs.report import _places, make_report, read_recorded, write_report
from lakeloop.schemas import TableSchema
from tests.config.small_project import edited, write_project
from tests.reporting.recordings import APRIL, JULY, JUNE, MAY, notification, three_turns


@pytest.fixture(scope="module")
def elsewhere(spark: SparkSession) -> Iterator[SparkSession]:
    """The session in a time zone that is not UTC; nothing may depend on it."""
    before = str(spark.conf.get("spark.sql.session.timeZone"))
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    yield spark
    spark.conf.set("spark.sql.session.timeZone", before)


@pytest.fixture(scope="module")
def context(elsewhere: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Three turns as the steps record them, and a decision of a fourth that is still to come."""
    context = open_project(elsewhere, tmp_path_factory.mktemp("report"))
    rows = three_turns()
    flags = [
        {**row, "flag_id": "f", "event": "raised", "evidence": json.dumps({"window_start": MAY.isoformat()})}
        for row in rows.raised_flags
    ]
    later = {**rows.decisions[-1], "as_of": JULY, "action": "notify"}
    files = {"content_hash": "h", "size_bytes": 1, "modified_ns": 1, "status": "REFUSED"}
    write(context, schemas.RUNS, rows.runs, run_id="r")
    write(context, schemas.INGESTED_BATCHES, rows.batches, batch_id=0, rows_warned=0)
    write(context, schemas.INGESTED_FILES, rows.refused_files, **files)
    write(context, schemas.QUALITY, rows.quality, window={"start": MAY, "end": JUNE}, attempt=1)
    earlier = [{**row, "window": {"start": APRIL, "end": MAY}, "as_of": MAY} for row in rows.slices]
    delays = [{**row, "slice_key": "label_status", "slice_value": "MATURED"} for row in rows.slices[:1]]
    write(context, schemas.PERFORMANCE, [*rows.performance, *rows.slices, *earlier, *delays])
    write(context, schemas.ESTIMATED_PERFORMANCE, rows.estimates)
    told = {"about": "flag", "kind": "bias", "model": "late_arrival", "subject": "", "recorded_ts": JUNE}
    sent = [{**row, "status": "FAILED", "attempts": 0} for row in rows.notifications]
    write(context, schemas.NOTIFICATIONS, [*rows.notifications, *sent, notification("chat", "SENT")], **told)
    drifts = [{**row, "evidence": row["evidence"] or "{}"} for row in [*rows.drift, *rows.slice_drift]]
    write(context, schemas.DRIFT_METRICS, drifts, granularity="7 days", drift_type="BASELINE")
    write(context, schemas.FLAGS, flags)
    write(context, schemas.DECISIONS, [*rows.decisions, later], decision_id="d", policy="{}", inputs="{}", attempt=1)
    by_gate = {"event": "gate", "actor": "gate", "ledger_seq": 1, "recorded_ts": JUNE}
    write(context, schemas.PROMOTIONS, rows.promotions, promotion_id="p", run_key="k", **by_gate)
    rejected = [
        {"_reasons": [{"rule": row["rule"], "column": row["column"], "message": "m"}], "as_of": row["as_of"]}
        for row in rows.reasons
    ]
    columns = StructType([field for field in schemas.QUARANTINE_COLUMNS if field.name in ("_reasons", "as_of")])
    write(context, TableSchema("quarantine", "weather", "rejected row", "as_of", columns), rejected)
    scored = [{"as_of": MAY, "purpose": "production"}] * 2 + [{"as_of": JUNE, "purpose": "backtest"}]
    columns = StructType([field for field in schemas.PREDICTION_COLUMNS if field.name in ("as_of", "purpose")])
    write(context, TableSchema("predictions", "late_arrival", "spine row", "as_of", columns), scored)
    return context


def open_project(spark: SparkSession, root: Path) -> Context:
    context = Context(load_config(write_project(root)), JUNE)
    context.__dict__["spark"] = spark
    return context


def write(context: Context, table: TableSchema, rows: Sequence[Mapping[str, Any]], **same: Any) -> None:
    """Write a table with a writer other than Spark, which is what takes the time."""
    content = [{name: {**row, **same}.get(name) for name in table.columns.fieldNames()} for row in rows]
    columns = pa.schema(list(arrow_type(table.columns)))
    write_deltalake(context.lake.own(table).path, pa.Table.from_pylist(content, schema=columns))


def arrow_type(kind: DataType) -> pa.DataType:
    if isinstance(kind, StructType):
        return pa.struct([pa.field(each.name, arrow_type(each.dataType), each.nullable) for each in kind.fields])
    if isinstance(kind, ArrayType):
        return pa.list_(arrow_type(kind.elementType))
    plain = {
        "string": pa.string(),
        "bigint": pa.int64(),
        "int": pa.int32(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
    }
    return pa.timestamp("us", "UTC") if kind.simpleString() == "timestamp" else plain[kind.simpleString()]


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort rows by their content, whatever the order of their columns."""
    return sorted(rows, key=lambda row: str(sorted(row.items())))


def test_report_of_a_new_workspace_says_so(spark: SparkSession, tmp_path: Path) -> None:
    context = open_project(spark, tmp_path)
    report = make_report(context)
    assert (report.models, report.idle_models) == ((), ("late_arrival",))
    assert [source.gate_status for source in report.sources] == [None, None, None]
    path = write_report(context)
    assert path == context.config.workspace / "report.html"
    assert "no champion yet" in path.read_text(encoding="utf-8")


def test_the_landing_folders_are_named_where_they_are(tmp_path: Path) -> None:
    changes = edited("conf/base/sources/weather.yml", "landing/weather", "../dropped/weather")
    config = load_config(write_project(tmp_path, changes))
    places = {each.what: each.where for each in _places(Context(config, JUNE))}
    landing = config.workspace / "landing"
    assert places["landed files"] == f"{landing}/outcomes, {landing}/schedules, {config.root}/dropped/weather"


def test_what_is_read_is_what_the_tables_hold(context: Context) -> None:
    found, expected = read_recorded(context), three_turns()
    assert in_order(found.performance) == in_order({"slice_value": None, **row} for row in expected.performance)
    assert in_order(found.drift_counts) == in_order(expected.drift_counts)
    assert in_order(found.reasons) == in_order(expected.reasons)
    assert {row["as_of"] for row in found.decisions} == {APRIL, MAY, JUNE}, "July is not known yet"
    assert found.since == APRIL
    assert in_order(found.slices) == in_order(expected.slices)
    assert [(row["slice_value"], row["column_name"]) for row in found.slice_drift] == [("JFK", "distance")]
    assert len(found.estimates) == len(expected.estimates)
    assert sorted((row["channel"], row["status"]) for row in found.notifications) == [
        ("mail", "FAILED"),
        ("mail", "SENT"),
    ]
    assert (
        sorted({row["window"]["end"] for row in found.drift})
        == sorted({row["window"]["end"] for row in expected.drift})[-MAX_STRIP_WINDOWS:]
    )
    assert {row["kind"] for row in found.drift if row["evidence"] is not None} == {"prediction", "target"}
    assert sorted((row["as_of"], row["purpose"], row["rows"]) for row in found.predictions) == [
        (MAY, "production", 2),
        (JUNE, "backtest", 1),
    ]
    assert [(row["kind"], row["as_of"]) for row in found.open_flags] == [("bias", JUNE)]
    assert sum(row["rows_read"] for row in found.batches) == sum(row["rows_read"] for row in expected.batches)


def test_the_page_replaces_the_earlier_one(context: Context) -> None:
    path = context.config.workspace / "report.html"
    path.write_text("old", encoding="utf-8")
    assert write_report(context) == path
    page = path.read_text(encoding="utf-8")
    assert "Version 3 was promoted." in page
    assert str(path) in page
    assert [each.name for each in sorted(path.parent.glob("*report*"))] == ["report.html", "report.json"]
    assert [each.name for each in path.parent.glob(".*part")] == []


def test_report_of_the_past_knows_only_the_past(context: Context) -> None:
    (part,) = make_report(context.at(MAY)).models
    assert part.champion is not None
    assert (part.champion.version, part.flags) == ("1", ())
    assert [turn.outcome for turn in part.turns] == ["v2 rejected", "v1 promoted"]
    assert [turn.rows_scored for turn in part.turns] == [2, 0]
