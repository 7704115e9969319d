"""The spine: a row without an instant of prediction is told, never left out without a word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakeloop.errors import DataContractError
from lakeloop.runs.context import Context
from lakeloop.runs.spine import spine_as_of
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


def test_an_expression_that_may_be_null_and_never_is_passes() -> None:
    context = predicting_at("try_add(due_ts, - interval 2 hours)")
    rows = spine_as_of(context, context.config.models["late"]).count()
    assert rows == spine_as_of(finished_context(), finished_context().config.models["late"]).count()
