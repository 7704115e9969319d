"""The spine: a row without an instant of prediction is told, never left out without a word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.sql import functions as F

from lakeloop.errors import DataContractError
from lakeloop.runs.context import Context
from lakeloop.runs.spine import _refuse_missing_instants, spine_as_of, spine_columns
from tests.shared import finished_context

pytestmark = pytest.mark.loop


def predicting_at(expression: str) -> Context:
    """The finished project with another instant of prediction."""
    finished = finished_context()
    model = finished.config.models["late"]
    changed = model.model_copy(update={"predict": model.predict.model_copy(update={"at": expression})})
    return Context(replace(finished.config, models={"late": changed}), finished.as_of)


def test_rows_without_an_instant_are_refused_with_their_number_and_a_key() -> None:
    context = predicting_at("case when order % 100 != 7 then due_ts - interval 2 hours end")
    with pytest.raises(DataContractError) as refused:
        spine_as_of(context, context.config.models["late"])
    message = str(refused.value)
    assert "spine of model late: the data broke its contract" in message
    assert "prediction_ts: is null in " in message
    assert 'rows of bronze.orders, the first of them {"order":' in message
    assert "{rule: not_null, columns: [...]} in source orders" in message


def test_of_a_key_that_says_something_of_a_person_no_value_is_shown() -> None:
    finished = predicting_at("nullif(due_ts, due_ts)")
    orders = finished.config.sources["orders"]
    columns = {**orders.columns, "shop": orders.columns["shop"].model_copy(update={"tags": ("pii",)})}
    private = orders.model_copy(update={"columns": columns, "key": ("order", "shop")})
    rows = finished.lake.read_uncut(finished.lake.address("bronze", "orders")).where("order = 3000")
    with pytest.raises(DataContractError) as refused:
        _refuse_missing_instants(finished.config.models["late"], private, rows.withColumn("shop", F.lit("ada@home")))
    assert refused.value.failures[0].detail == (
        'is null in 1 rows of bronze.orders, the first of them {"order":3000,"shop":"hidden (pii)"}'
    )


def test_an_expression_that_may_be_null_and_never_is_passes() -> None:
    context = predicting_at("try_add(due_ts, - interval 2 hours)")
    rows = spine_as_of(context, context.config.models["late"]).count()
    assert rows == spine_as_of(finished_context(), finished_context().config.models["late"]).count()


def test_the_columns_are_told_without_a_look_at_the_rows() -> None:
    context = predicting_at("case when order % 100 != 7 then due_ts - interval 2 hours end")
    assert spine_columns(context, context.config.models["late"]).fieldNames() == [
        *("prediction_id", "prediction_ts", "order", "shop", "items", "due_ts")
    ]


def test_of_a_key_with_versions_the_newest_has_to_give_the_instant() -> None:
    """Every third order has an older version without an instant, then another newest one without it."""
    finished = predicting_at("case when items >= 0 then due_ts - interval 2 hours end")
    orders = finished.config.sources["orders"]
    rows = finished.lake.read_uncut(finished.lake.address("bronze", "orders"))
    broken = rows.where("order % 3 = 0").withColumn("items", F.lit(-1))
    versions = orders.model_copy(update={"order_by": "items"})
    model = finished.config.models["late"]
    _refuse_missing_instants(model, versions, rows.unionByName(broken))  # the broken ones are the older versions
    with pytest.raises(DataContractError, match="is null in"):
        _refuse_missing_instants(model, orders, rows.unionByName(broken))
    newest = orders.model_copy(update={"order_by": "-items"})
    with pytest.raises(DataContractError, match="is null in"):
        _refuse_missing_instants(model, newest, rows.unionByName(broken))
