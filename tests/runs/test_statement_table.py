"""An SQL feature table in several queries: each published before the next is asked for, and the same rows as in one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakeloop.config import load_config
from lakeloop.errors import UsageError
from lakeloop.runs.bronze import create_tables
from lakeloop.runs.context import Context
from lakeloop.runs.features import create_gold
from lakeloop.runs.statement_table import statement_stretches
from lakeloop.tables import WriteIdentity
from tests.factories import instant, rows_of

FILES = {
    "project.yml": "project: shops\nretention: 400 days\n",
    "sources/deliveries.yml": """\
source: deliveries
landing: {path: landing/deliveries}
key: [shop, delivered_ts]
event_ts: delivered_ts
available_ts: delivered_ts
columns:
  shop: {type: string}
  delivered_ts: {type: timestamp}
""",
    "features/busy.yml": """\
feature_table: busy
entity: [shop]
every: 1 hour
needs: 2 hours
sql: select shop, count(*) as n from deliveries group by shop
features: {n: {type: long}}
""",
}
# Seen at 10 and 11; at 11 and 12; then at 15 and 16.
DELIVERED = ("09:20", "10:10", "14:30")
THROUGH = instant("2024-01-01 18:00")
LOG = [("10", 1), ("11", 2), ("12", 1), ("13", None), ("15", 1), ("17", None)]


@pytest.fixture
def context(spark: SparkSession, tmp_path: Path) -> Context:
    for name, text in FILES.items():
        path = tmp_path / "conf/base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = Context(load_config(tmp_path), THROUGH)
    create_tables(found.lake, found.config.sources["deliveries"])
    bronze = found.lake.address("bronze", "deliveries")
    made = ", ".join(f"timestamp'2024-01-01 {at}:00Z'" for at in DELIVERED)
    delivered = spark.sql(f"select explode(array({made})) as at")
    rows = delivered.selectExpr("'A' as shop", "at as delivered_ts", "at as event_ts", "at as available_ts")
    with found.lake.writing():
        rows.write.format("delta").mode("append").save(bronze.path)
    return found


def short(rows: DataFrame) -> list[tuple[str, int | None]]:
    return [(f"{row['available_ts']:%H}", row["n"]) for row in rows_of(rows, "available_ts")]


@pytest.mark.slow
def test_chunks_give_the_rows_of_one_query_and_too_many_ticks_are_refused(context: Context) -> None:
    table, lake = context.config.feature_tables["busy"], context.lake
    written = []
    with lake.writing():
        for each in statement_stretches(context, table, None, THROUGH, max_ticks=5, ticks_a_query=2):
            # What is known of an entity is read from what was published: an unpublished stretch would be missed.
            address = create_gold(context, table, each.rows)
            lake.append(each.rows, address, WriteIdentity("test", f"{each.through:%H}"))
            written.append((each.since and f"{each.since:%H}", f"{each.through:%H}"))
    assert written == [(None, "11"), ("11", "15"), ("15", "18")]
    assert short(lake.read_uncut(lake.address("gold", "busy"))) == LOG

    with pytest.raises(UsageError) as refused:
        next(statement_stretches(context, table, None, THROUGH, max_ticks=4))
    assert refused.value.got == "more than 4 ticks from 2024-01-01T10:00:00Z to 2024-01-01T18:00:00Z"
