"""SQL and Python feature tables through bronze and gold: turn by turn as at once."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakeloop.config import Config
from lakeloop.config.loading import load_config
from lakeloop.errors import ConflictError, DataContractError
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.statement_table import statement_stretches
from lakeloop.tables import Lake
from tests.factories import instant, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.loop, pytest.mark.slow]

FILES = {
    "conf/base/project.yml": "project: shops\nretention: 400 days\n",
    "conf/base/sources/deliveries.yml": """\
source: deliveries
landing: {path: landing/deliveries}
key: [shop, delivered_ts]
event_ts: delivered_ts
available_ts: delivered_ts + interval 10 minutes
history: {trusted_until: 2030-01-01}
columns:
  shop: {type: string}
  delivered_ts: {type: timestamp}
  delay_minutes: {type: integer}
  seats: {type: integer}
""",
    "conf/base/features/a_busy.yml": """\
feature_table: a_busy
entity: [shop]
every: 1 hour
needs: 2 hours
sql: |
  select d.shop, count(*) as deliveries, max(l.newest) as newest
  from deliveries d left join gold.latest l on l.shop = d.shop
  group by d.shop
features:
  deliveries: {type: long, description: deliveries of two hours}
  newest: {type: double, unit: minutes}
""",
    "conf/base/features/latest.yml": """\
feature_table: latest
entity: [shop]
from: deliveries
attributes: {newest: {as: delay_minutes}}
""",
    "conf/base/features/pace.yml": """\
feature_table: pace
entity: [shop]
from: deliveries
every: 1 hour
needs: 2 hours
python: paces.spread
features: {spread: {type: double}, seats: {type: string}}
""",
    "features_py/paces.py": """\
def spread(rows):
    return {"spread": width(rows["delay_minutes"]), "seats": str(rows["seats"].iloc[-1])}


def width(delays):
    return float(delays.max() - delays.min())
""",
}
RECORDS = ("A,2024-01-01T09:20:00Z,5,", "A,2024-01-01T09:50:00Z,7,6", "A,2024-01-01T11:10:00Z,30,")
TURNS = (("2024-01-01 10:15", RECORDS[:2]), ("2024-01-01 14:20", RECORDS[2:]))


def write(root: Path, **changes: str) -> Config:
    for name, text in (FILES | changes).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return load_config(root)


def land(config: Config, name: str, records: tuple[str, ...]) -> None:
    landing = config.workspace / "landing/deliveries"
    landing.mkdir(parents=True, exist_ok=True)
    (landing / f"{name}.csv").write_text("\n".join(("shop,delivered_ts,delay_minutes,seats", *records)) + "\n")


def log_of(spark: SparkSession, config: Config, table: str) -> list[tuple[str, ...]]:
    lake = Lake(spark, config.workspace, retention=config.project.retention)
    gold = lake.read(lake.address("gold", table), instant("2024-01-02 00:00"))
    names = config.feature_tables[table].feature_names
    return [(f"{row['available_ts']:%H}", *(row[name] for name in names)) for row in rows_of(gold, "available_ts")]


BUSY = [("10", 2, 7.0), ("12", 1, 30.0), ("14", None, None)]
PACE = [("10", 2.0, "6"), ("12", 0.0, "<NA>"), ("14", None, None)]


def test_both_kinds_are_built_turn_by_turn_as_at_once(spark: SparkSession, tmp_path: Path) -> None:
    config = write(tmp_path / "turns")
    for number, (at, records) in enumerate(TURNS):
        land(config, str(number), records)
        ingest(Context(config, instant(at)))
        build_features(Context(config, instant(at)))
    assert log_of(spark, config, "a_busy") == BUSY
    assert log_of(spark, config, "pace") == PACE

    again = build_features(Context(config, instant(TURNS[1][0])))
    assert [(each.feature_table, each.rows, each.outcome.value) for each in again.tables] == [
        ("a_busy", 0, "SKIPPED"),
        ("latest", 0, "SKIPPED"),
        ("pace", 0, "SKIPPED"),
    ]
    changed = write(tmp_path / "turns", **{"features_py/paces.py": FILES["features_py/paces.py"].replace("max", "sum")})
    with pytest.raises(ConflictError, match="built as"):
        build_features(Context(changed, instant(TURNS[1][0])))


def test_a_failing_function_is_named_and_once_mended_one_build_equals_the_turns(
    spark: SparkSession, tmp_path: Path
) -> None:
    failing = FILES["features_py/paces.py"].replace("float(", "float(1 / (len(delays) - 1) * ")
    config = write(tmp_path, **{"features_py/paces.py": failing})
    land(config, "all", RECORDS)
    context = Context(config, instant(TURNS[1][0]))
    ingest(context)
    with pytest.raises(DataContractError) as raised:
        build_features(context)
    assert str(raised.value.failures[0]) == "paces.spread: for some shop: ZeroDivisionError in line 6 of paces.py"
    mended = Context(write(tmp_path), instant(TURNS[1][0]))
    build_features(mended)
    assert log_of(spark, mended.config, "a_busy") == BUSY
    assert log_of(spark, mended.config, "pace") == PACE
    # Of a table that is added after 60 days all hours are built in one call, part by part.
    table, end = mended.config.feature_tables["a_busy"], instant("2024-03-01 00:00")
    with closing(statement_stretches(mended.at(end), table, None, end)) as stretches:
        first = next(stretches)
    assert first.since is None
    assert first.through == instant("2024-01-01 10:00") + 31 * timedelta(hours=1)
