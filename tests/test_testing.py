"""What a project's own tests call: names that do not exist are told, and nothing reaches out of the scratch folder."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakeloop.errors import DataContractError, UsageError
from lakeloop.starter.write import write_project
from lakeloop.testing import RowFate, Sandbox

ORDER = {
    "order_id": 1,
    "courier": "alder",
    "items": 2,
    "distance_km": 3.5,
    "ordered_ts": "2024-01-01T09:00:00Z",
    "due_ts": "2024-01-02T09:00:00Z",
}
DELIVERY = {"order_id": 1, "courier": "alder", "delivered_ts": "2024-01-02T09:40:00Z", "delay_minutes": 40}


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(write_project(tmp_path / "parcels").folder, tmp_path / "scratch")


def test_a_name_that_does_not_exist_is_told_with_the_one_that_was_meant(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match="source: got 'order'; allowed: deliveries, orders; remedy: did you"):
        sandbox.judge("order", [])
    with pytest.raises(UsageError, match=r"column of source orders: got 'itmes'.*did you mean items\?"):
        sandbox.judge("orders", [ORDER | {"itmes": 1}])
    with pytest.raises(UsageError, match=r"feature table: got 'courier_delay'.*did you mean courier_delays\?"):
        sandbox.features("courier_delay", {}, "2024-01-03")
    with pytest.raises(UsageError, match=r"source: got 'delivery'"):
        sandbox.features("courier_delays", {"delivery": []}, "2024-01-03")


def test_a_source_that_is_read_where_it_is_has_no_turn(sandbox: Sandbox) -> None:
    path = sandbox.root / "conf" / "base" / "sources" / "orders.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"landing: \{.*?\}.*", "read: {delta: /lake/orders}", text), encoding="utf-8")
    with pytest.raises(UsageError, match="got source orders, which is read where it is; allowed: sources that land"):
        sandbox.run("2024-02-05")


def test_nothing_of_the_project_is_reached(sandbox: Sandbox) -> None:
    path = sandbox.root / "conf" / "base" / "project.yml"
    reaching = "catalog: main\ntracking_uri: https://tracking\nnotify: {command: [mail]}\n"
    path.write_text(path.read_text(encoding="utf-8") + reaching, encoding="utf-8")
    config = sandbox._in_scratch(sandbox.scratch)
    assert (sandbox.config.project.catalog, config.project.catalog) == ("main", None)
    assert config.workspace == sandbox.scratch
    assert config.tracking_uri == f"sqlite:///{sandbox.scratch}/mlflow.db"
    assert config.project.notify.command is None
    assert replace(config, project=sandbox.config.project) == sandbox.config


def test_rows_are_judged_in_their_order_and_as_a_file_holds_them(sandbox: Sandbox, spark: SparkSession) -> None:
    rows = [ORDER, ORDER | {"order_id": 2, "courier": "NA"}, ORDER, {"order_id": 3}]
    judged = sandbox.judge("orders", rows)
    assert [each.fate for each in judged] == [
        RowFate.ACCEPTED,
        RowFate.QUARANTINED,  # NA stands for nothing in a file of CSV
        RowFate.DUPLICATE,
        RowFate.QUARANTINED,
    ]
    assert judged[1].broken == ("not_null_courier",)
    assert judged[0].values["items"] == 2
    assert judged[0].values["available_ts"].isoformat() == "2024-01-01T09:00:00+00:00"


def test_an_older_version_of_a_row_is_superseded(sandbox: Sandbox, spark: SparkSession) -> None:
    path = sandbox.root / "conf" / "base" / "sources" / "orders.yml"
    path.write_text(path.read_text(encoding="utf-8") + "mode: upsert\norder_by: items\n", encoding="utf-8")
    judged = sandbox.judge("orders", [ORDER | {"items": 3}, ORDER])
    assert [each.fate for each in judged] == [RowFate.ACCEPTED, RowFate.SUPERSEDED]


def test_rows_that_a_feature_table_is_made_of_have_to_be_accepted(sandbox: Sandbox, spark: SparkSession) -> None:
    rows = {"deliveries": [DELIVERY, DELIVERY | {"order_id": 2, "delay_minutes": 5000}, DELIVERY]}
    with pytest.raises(DataContractError) as refused:
        sandbox.features("courier_delays", rows, "2024-01-03")
    told = str(refused.value)
    assert "row 2: is quarantined: range_delay_minutes" in told
    assert "row 3: is duplicate" in told
