"""A source that is declared otherwise than its accepted rows were judged by."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lakeloop.errors import ConflictError
from lakeloop.runs.bronze import create_tables
from lakeloop.runs.declared import assert_same_source
from lakeloop.tables import Lake, WriteIdentity
from lakeloop.tables.in_process import arrow_schema
from tests.factories import declare_source, instant

UPSERT: dict[str, Any] = {"mode": "upsert", "order_by": "observed_ts"}


def accept_row(lake: Lake) -> None:
    at = instant("2013-05-01 10:00")
    row = {"origin": "EWR", "observed_ts": at, "wind_mph": 5.5, "event_ts": at, "available_ts": at, "_warnings": []}
    row |= {"_source_file": "a.csv", "_source_row": 1, "_batch_id": 0, "_ingested_ts": at}
    address = lake.address("bronze", "weather")
    schema = arrow_schema(lake.columns(address))
    lake.append(pa.Table.from_pylist([row], schema), address, WriteIdentity("ingest", "batch weather"))


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({}, {}, []),
        ({}, {"key": ["observed_ts", "origin"]}, []),  # the same in another order
        ({}, {"owner": "weather desk"}, []),
        ({}, {"key": ["origin"]}, ["key: was origin, observed_ts, is declared origin now"]),
        ({"key": ["origin"]}, {}, ["key: was origin, is declared origin, observed_ts now"]),
        (UPSERT, {}, ["mode: was upsert, is declared append now: keys have several rows already"]),
        (UPSERT, {**UPSERT, "order_by": "wind_mph"}, []),
        ({}, UPSERT, []),
        (
            {**UPSERT, "key": ["origin"]},
            {},
            [
                "key: was origin, is declared origin, observed_ts now",
                "mode: was upsert, is declared append now: keys have several rows already",
            ],
        ),
    ],
)
def test_a_key_or_a_mode_that_would_let_rows_stand_for_one_another_is_refused(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], found: list[str]
) -> None:
    lake = Lake(lambda: pytest.fail("Spark was started"), tmp_path, retention=timedelta(days=30))
    now = declare_source(**after)
    assert_same_source(lake, now)  # there is no table yet
    create_tables(lake, declare_source(**before))
    assert_same_source(lake, now)  # nothing is accepted yet
    accept_row(lake)
    if not found:
        assert_same_source(lake, now)
        return
    with pytest.raises(ConflictError) as refused:
        assert_same_source(lake, now)
    assert [str(each) for each in refused.value.failures] == found
    assert refused.value.remedy.endswith("or give the changed source a new name and a landing folder of its own")
