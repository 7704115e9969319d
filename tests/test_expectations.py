"""What is recorded of an expectation that could not be judged, without Spark and Great Expectations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lakeloop.expectations import _problem

CAST = "[CAST_INVALID_INPUT] The value 'Ada' of the type \"STRING\" cannot be cast. SQLSTATE: 22018\n== SQL =="


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (CAST, "[CAST_INVALID_INPUT]"),
        (f"An error occurred while calling o9.collect.\n: org.apache.spark.SparkException: {CAST}\n\tat x", None),
        (
            'Error: The column "wind" in BatchData does not exist.\nmore',
            'Error: The column "wind" in BatchData does not exist.',
        ),
    ],
)
def test_the_reason_quotes_no_value_of_the_data(message: str, told: str | None) -> None:
    told = told or "org.apache.spark.SparkException: [CAST_INVALID_INPUT]"
    raised = {"raised_exception": True, "exception_message": message}
    assert _problem(SimpleNamespace(exception_info=raised)) == told
    assert _problem(SimpleNamespace(exception_info={"metric": raised})) == told


def test_what_was_judged_has_no_problem() -> None:
    assert _problem(SimpleNamespace(exception_info={"raised_exception": False})) is None
