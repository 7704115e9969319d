"""What the tutorial's declarations make of each thing that is wrong with the shop's lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.runs.spine import spine_as_of
from lakeloop.testing import RowFate, Sandbox
from tests.docs.tutorial import FOLDER
from tests.factories import rows_of

pytestmark = pytest.mark.slow

LINE: dict[str, object] = {
    "invoice": "489434",
    "stock_code": "85048",
    "description": "15CM CHRISTMAS GLASS BALL 20 LIGHTS",
    "quantity": 12,
    "invoice_date": "12/1/2009 7:45",
    "price": 6.95,
    "customer": "13085.0",
    "country": "United Kingdom",
}
# What is changed of a line: its fate, the rules that reject it, those that warn.
LINES: dict[str, tuple[dict[str, object], RowFate, tuple[str, ...], tuple[str, ...]]] = {
    "a line": ({}, RowFate.ACCEPTED, (), ()),
    "the same line of the other export": ({}, RowFate.DUPLICATE, (), ()),
    "the same line a minute later": ({"invoice_date": "12/1/2009 7:46"}, RowFate.QUARANTINED, ("unique_key",), ()),
    "a cancellation": ({"invoice": "C489434", "quantity": -12}, RowFate.ACCEPTED, (), ()),
    "no customer": ({"invoice": "489435", "customer": ""}, RowFate.ACCEPTED, (), ("not_null_customer_id",)),
    "a gift": ({"invoice": "489436", "price": 0}, RowFate.ACCEPTED, (), ("has_a_price",)),
    "bad debt": (
        {"invoice": "A506401", "stock_code": "B", "quantity": 1, "price": -53594.36, "customer": ""},
        RowFate.QUARANTINED,
        ("pattern_invoice", "range_price"),
        ("has_a_price", "not_null_customer_id"),
    ),
    "stock that is lost": (
        {"invoice": "489437", "quantity": -12, "price": 0, "customer": "", "description": ""},
        RowFate.QUARANTINED,
        ("what_is_cancelled_comes_back",),
        ("has_a_price", "not_null_customer_id"),
    ),
    "a cancellation that sells": (
        {"invoice": "C496350", "quantity": 1},
        RowFate.QUARANTINED,
        ("what_is_cancelled_comes_back",),
        (),
    ),
}


def test_each_problem_of_the_lines_meets_its_rule(spark: SparkSession, tmp_path: Path) -> None:
    sandbox = Sandbox(FOLDER, tmp_path)
    judged = sandbox.judge("lines", [LINE | change for change, _, _, _ in LINES.values()])
    found = dict(zip(LINES, ((each.fate, each.broken, each.warnings) for each in judged), strict=True))
    assert found == {name: (fate, broken, warnings) for name, (_, fate, broken, warnings) in LINES.items()}
    values = judged[0].values
    assert (values["customer_id"], values["value"], values["is_cancellation"]) == (13085, pytest.approx(83.4), False)
    assert values["available_ts"].isoformat() == "2009-12-01T08:45:00+00:00"


def test_a_line_without_a_customer_counts_for_its_country_alone(spark: SparkSession, tmp_path: Path) -> None:
    sandbox = Sandbox(FOLDER, tmp_path)
    lines = [LINE, LINE | {"invoice": "489435", "customer": "", "price": 3.05}]
    customers = sandbox.features("customer_purchases", {"lines": lines}, "2009-12-03")
    assert [(row["customer_id"], row["count_value_28d"]) for row in customers] == [(13085, 1)]
    countries = sandbox.features("country_sales", {"lines": lines}, "2009-12-03")
    assert [(row["country"], row["mean_price_28d"]) for row in countries] == [("United Kingdom", 5.0)]


def test_a_line_without_a_customer_makes_none_known(spark: SparkSession, tmp_path: Path) -> None:
    sandbox = Sandbox(FOLDER, tmp_path)
    context = sandbox._context("2009-12-18")
    with context.lake.writing():
        context.lake.create_own(schemas.RUNS)
        source = context.config.sources["lines"]
        sandbox._accept(context, source, [LINE, LINE | {"invoice": "489435", "customer": ""}])
    spine = spine_as_of(context, context.config.models["buys_again"]).select("customer_id", "period_ts")
    found = [(row["customer_id"], f"{row['period_ts']:%d}") for row in rows_of(spine.orderBy("period_ts"))]
    assert found == [(13085, "03"), (13085, "10"), (13085, "17")]  # Thursdays
