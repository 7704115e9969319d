"""Inputs of a version, looked for in the tables as they are: what is gone or of another type fails by its name."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace

import pytest
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from lakeloop.config import Config
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.gate_facts import _find_inputs
from lakeloop.statuses import GateStatus
from lakeloop.training.gate import Check, GateFacts
from lakeloop.training.gate.fact_checks import check_facts
from tests.laws.small_loop import TURNS
from tests.runs.searches import declare, fit_and_register, make_data

ORDERS = {"order": LongType(), "shop": StringType(), "items": IntegerType(), "due_ts": TimestampType()}
DELAYS = {
    "mean_is_late_6h": DoubleType(),
    "count_is_late_6h": LongType(),
    "mean_is_late_2d": DoubleType(),
    "count_is_late_2d": LongType(),
}
LAST = {"last_delay_minutes": DoubleType()}
TABLES: Mapping[tuple[str, str], Mapping[str, DataType]] = {
    ("bronze", "orders"): ORDERS,
    ("gold", "shop_delays"): DELAYS,
    ("gold", "shop_last"): LAST,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, ModelVersion]:
    config = declare(tmp_path_factory.mktemp("inputs"), search={"C": [1.0]})
    return config, fit_and_register(config, make_data(config))[0]


@pytest.fixture
def context(trained) -> Context:
    """The project with its tables, empty: their columns are looked at, and no row."""
    found = Context(trained[0], TURNS[0])
    for (layer, name), columns in TABLES.items():
        put_table(found, layer, name, columns)
    return found


def put_table(context: Context, layer: str, name: str, columns: Mapping[str, DataType] | None) -> None:
    """Put an empty table of these columns in the place of what is there; None takes it away."""
    address = context.lake.address(layer, name)
    shutil.rmtree(address.path, ignore_errors=True)
    if columns is not None:
        fields = [StructField(column, kind) for column, kind in columns.items()]
        context.lake.create(address, StructType(fields), "One row per test.")


def judged(context: Context, version: ModelVersion) -> Check:
    model = context.config.models["late"]
    return check_facts(model.gate, GateFacts(inputs=_find_inputs(context, model, version)))[0]


def without(columns: Mapping[str, DataType], name: str) -> dict[str, DataType]:
    return {column: kind for column, kind in columns.items() if column != name}


def test_inputs_that_are_there_pass(trained, context: Context) -> None:
    found = _find_inputs(context, context.config.models["late"], trained[1])
    assert found.columns == {
        "shop": "string",
        "items": "int",
        "prediction_ts": "timestamp",
        "shop_delays__mean_is_late_6h": "double",
        "shop_delays__count_is_late_6h": "bigint",
        "shop_delays__mean_is_late_2d": "double",
        "shop_delays__count_is_late_2d": "bigint",
        "shop_last__last_delay_minutes": "double",
    }
    assert found.signature == {name: "string" if name == "shop" else "double" for name in found.columns}
    check = judged(context, trained[1])
    assert (check.name, check.status, check.value) == ("inputs_exist", GateStatus.PASS, 0.0)


@pytest.mark.parametrize(
    ("table", "columns", "told"),
    [
        (("gold", "shop_delays"), without(DELAYS, "mean_is_late_2d"), ["shop_delays__mean_is_late_2d is no column"]),
        (
            ("gold", "shop_delays"),
            DELAYS | {"mean_is_late_6h": StringType()},
            ["shop_delays__mean_is_late_6h is string, the signature has double"],
        ),
        (
            ("gold", "shop_last"),
            {"last_delay_minutes": ArrayType(DoubleType())},
            ["shop_last__last_delay_minutes is array<double>, the signature has double"],
        ),
        (("gold", "shop_last"), None, ["shop_last__last_delay_minutes is no column"]),
        (("gold", "shop_delays"), None, [f"shop_delays__{name} is no column" for name in DELAYS]),
        (("bronze", "orders"), without(ORDERS, "items"), ["items is no column"]),
        (("bronze", "orders"), ORDERS | {"shop": IntegerType()}, ["shop is int, the signature has string"]),
        (("bronze", "orders"), None, [f"{name} is no column" for name in ("shop", "items", "prediction_ts")]),
    ],
    ids=[
        "a gold column is gone",
        "a gold column is a text",
        "a gold column is a list",
        "a gold table of one column is gone",
        "a gold table is gone",
        "a column of the spine is gone",
        "a text of the spine is a number",
        "the table of the spine is gone",
    ],
)
def test_an_input_that_is_gone_or_of_another_type_fails_by_its_name(
    trained, context: Context, table: tuple[str, str], columns: Mapping[str, DataType] | None, told: list[str]
) -> None:
    put_table(context, *table, columns)
    check = judged(context, trained[1])
    assert (check.status, check.value) == (GateStatus.FAIL, float(len(told)))
    _, named = check.detail.split("source: ")
    assert sorted(named.partition(";")[0].split(", ")) == sorted(", ".join(told).split(", "))


def test_an_input_that_is_declared_no_more_fails_though_its_table_is_there(trained, context: Context) -> None:
    late = context.config.models["late"].model_copy(update={"features": ("shop_delays.*",)})
    check = judged(Context(replace(context.config, models={"late": late}), TURNS[0]), trained[1])
    assert (check.status, check.value) == (GateStatus.FAIL, 1.0)
    assert "source: shop_last__last_delay_minutes is no column;" in check.detail
