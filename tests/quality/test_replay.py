from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from lakeloop.quality.replay import stage_again
from tests.factories import declare_source, frame, rows_of


@pytest.mark.parametrize(
    ("kind", "origin", "wind"), [("csv", "NA", None), ("json", "NA", None), ("parquet", "NA", "-")]
)
def test_stage_again_takes_for_missing_what_is_declared_so_today(
    spark: SparkSession, kind: str, origin: str, wind: str | None
) -> None:
    columns = "origin string, observed_ts string, wind_mph string, _malformed string, _source_file string"
    quarantined = {"origin": "NA", "wind_mph": "-", "_source_file": "a", "_source_row": 1, "_batch_id": -1}
    marked = frame(spark, f"{columns}, _source_row bigint, _batch_id bigint", [quarantined])
    source = declare_source(landing={"path": "landing", "format": kind, "null_values": ["-"]})
    (row,) = rows_of(stage_again(marked, source))
    assert (row["origin"], row["observed_ts"], row["wind_mph"]) == (origin, None, wind)
