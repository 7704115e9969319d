"""Rows, frames and declarations with everything defaulted, so that a test states only what matters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.label import Label
from lakeloop.config.predict import Predict
from lakeloop.config.source import Source

if TYPE_CHECKING:  # tests without Spark do not wait for its import
    from pyspark.sql import DataFrame, SparkSession

Row = dict[str, Any]


def instant(text: str) -> datetime:
    """Read an instant in UTC: `2013-05-01 10:00`, or with seconds and their fraction."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def frame(spark: SparkSession, columns: str, rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Make a frame from rows; a column that a row lacks is null, one that the frame lacks is a mistake.

    Args:
        spark: The session.
        columns: Columns and types, `carrier string, delay int`.
        rows: Column -> value.
    """
    from pyspark.sql.types import StructType

    schema = StructType.fromDDL(columns)
    assert isinstance(schema, StructType)
    names = schema.fieldNames()
    tuples = []
    for row in rows:
        assert set(row) <= set(names), f"no such columns: {set(row) - set(names)}"
        tuples.append(tuple(row.get(name) for name in names))
    return spark.createDataFrame(tuples, schema)


def rows_of(frame: DataFrame, *order: str) -> list[Row]:
    """Collect a small frame: column -> value, instants aware in UTC, sorted by the named columns."""

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC)  # a naive value stands for the machine's zone
        if isinstance(value, tuple) and hasattr(value, "asDict"):
            return {name: plain(each) for name, each in value.asDict().items()}
        return [plain(each) for each in value] if isinstance(value, list) else value

    found = [{name: plain(value) for name, value in row.asDict().items()} for row in frame.collect()]
    return sorted(found, key=lambda row: tuple((row[name] is not None, row[name]) for name in order))


# --- rows ------------------------------------------------------------------------------------------------------------

EVENT_COLUMNS = (
    "carrier string, origin string, delay double, is_late boolean, event_ts timestamp, available_ts timestamp"
)


def make_event(available: str | datetime, **changes: Any) -> Row:
    """A bronze row that features are made from; it happened when it became available."""
    available_ts = instant(available) if isinstance(available, str) else available
    row = {
        "carrier": "UA",
        "origin": "EWR",
        "delay": 10.0,
        "is_late": False,
        "event_ts": available_ts,
        "available_ts": available_ts,
    }
    return row | changes


GOLD_COLUMNS = "origin string, dest string, event_ts timestamp, available_ts timestamp, wind double"


def make_state(available: str | datetime, **changes: Any) -> Row:
    """A gold row: what was known of an entity from an instant on; it speaks of that instant."""
    available_ts = instant(available) if isinstance(available, str) else available
    row = {"origin": "EWR", "dest": "ORD", "event_ts": available_ts, "available_ts": available_ts, "wind": 5.0}
    return row | changes


SPINE_COLUMNS = "flight int, origin string, dest string, prediction_ts timestamp"


def make_spine_row(prediction: str | datetime, **changes: Any) -> Row:
    """A row to be trained on or scored."""
    prediction_ts = instant(prediction) if isinstance(prediction, str) else prediction
    return {"flight": 1, "origin": "EWR", "dest": "ORD", "prediction_ts": prediction_ts} | changes


SCHEDULE_COLUMNS = (
    "carrier string, flight int, departure_ts timestamp, distance int, event_ts timestamp, available_ts timestamp"
)


def make_schedule(departure: str | datetime, **changes: Any) -> Row:
    """A bronze row of what was known ahead: a flight that is to leave, known for ever."""
    departure_ts = instant(departure) if isinstance(departure, str) else departure
    row = {
        "carrier": "UA",
        "flight": 1,
        "departure_ts": departure_ts,
        "distance": 700,
        "event_ts": departure_ts,
        "available_ts": instant("1970-01-01 00:00"),
    }
    return row | changes


OUTCOME_COLUMNS = (
    "flight int, departure_ts timestamp, left_ts timestamp, arrival_ts timestamp, delay int, available_ts timestamp"
)


def make_outcome(departure: str | datetime, **changes: Any) -> Row:
    """A bronze row of what became of a flight: left and arrived on time, known at once."""
    departure_ts = instant(departure) if isinstance(departure, str) else departure
    row = {
        "flight": 1,
        "departure_ts": departure_ts,
        "left_ts": departure_ts,
        "arrival_ts": departure_ts,
        "delay": 0,
        "available_ts": departure_ts,
    }
    return row | changes


# --- declarations ----------------------------------------------------------------------------------------------------


def declare_windows(aggregate: Sequence[Row] | None = None, **changes: Any) -> FeatureTable:
    """A windowed table over `EVENT_COLUMNS`, hourly, every statistic of the delay over two hours."""
    statistics = ["count", "sum", "mean", "min", "max", "stddev"]
    declared = {
        "feature_table": "carrier_delays",
        "entity": ["carrier"],
        "from": "outcomes",
        "every": "1 hour",
        "aggregate": aggregate or [{"of": "delay", "as": statistics, "over": ["2 hours"]}],
    }
    return FeatureTable.model_validate(declared | changes)


def declare_attributes(**changes: Any) -> FeatureTable:
    """An attribute table over `EVENT_COLUMNS`."""
    declared = {
        "feature_table": "carriers",
        "entity": ["carrier"],
        "from": "outcomes",
        "attributes": {"last_delay": {"as": "delay"}},
    }
    return FeatureTable.model_validate(declared | changes)


def declare_predict(**changes: Any) -> Predict:
    """A spine over `SCHEDULE_COLUMNS`: predicted two hours before departure."""
    declared = {
        "from": "schedules",
        "id": ["flight", "departure_ts"],
        "at": "departure_ts - interval 2 hours",
        "known": ["distance"],
    }
    return Predict.model_validate(declared | changes)


def declare_label(**changes: Any) -> Label:
    """A label over `OUTCOME_COLUMNS`: late by 15 minutes; a day closes at six the next morning in New York."""
    declared = {
        "from": "outcomes",
        "as": "delay >= 15",
        "void": {"cancelled": "left_ts is null", "diverted": "arrival_ts is null"},
        "closes": {"of": "departure_ts", "at": "06:00 next day", "timezone": "America/New_York"},
    }
    return Label.model_validate(declared | changes)


SOURCE: Mapping[str, Any] = {
    "source": "weather",
    "landing": {"path": "landing/weather"},
    "columns": {
        "origin": {"type": "string", "description": "the airport's code"},
        "observed_ts": {"type": "timestamp"},
        "wind_mph": {"type": "double", "description": "wind", "unit": "mph"},
    },
    "key": ["origin", "observed_ts"],
    "event_ts": "observed_ts",
    "available_ts": "observed_ts + interval 1 hour",
    "history": {"trusted_until": "2014-01-01"},
}


def declare_source(**changes: Any) -> Source:
    """A source of readings: an airport, an instant and a number."""
    return Source.model_validate({**SOURCE, **changes})


def make_reading(**changes: Any) -> Row:
    """A record of `declare_source` as it lands: text."""
    return {"origin": "EWR", "observed_ts": "2013-05-01T10:00:00Z", "wind_mph": "5.5"} | changes


def stage(spark: SparkSession, source: Source, records: Iterable[Row]) -> DataFrame:
    """Stage records of text, one file, numbered in order; a record may say `_malformed`, `_source_file`, ..."""
    texts = ", ".join(f"{name} string" for name in source.columns)
    columns = f"{texts}, _malformed string, _source_file string, _content_hash string, _source_row bigint"
    given = {"_source_file": "a.csv", "_content_hash": "hash"}
    return frame(spark, columns, [{**given, "_source_row": row, **each} for row, each in enumerate(records, 1)])


def land(folder: Path, name: str, rows: Sequence[Row], columns: Sequence[str] | None = None) -> Path:
    """Land a CSV file of rows of text; without rows the columns have to be given."""
    names = list(columns if columns is not None else rows[0])
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def day(text: str) -> date:
    """Read a calendar date."""
    return date.fromisoformat(text)
