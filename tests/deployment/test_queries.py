"""The questions of the dashboard, asked of the tables that two turns of the small loop have written."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lakeloop.deployment.queries import QUERIES, Query, read_query
from lakeloop.runs.context import Context
from tests.shared import finished_context

pytestmark = pytest.mark.slow

_TABLE = re.compile(r"\b(monitoring|ops)\.(\w+)")


def ask(context: Context, query: Query) -> list[dict[str, Any]]:
    """Ask a question of tables that lie on paths: names of a catalog become paths."""
    sql = _TABLE.sub(lambda found: context.lake.address(found[1], found[2]).sql, query.sql)
    answer = context.spark.sql(sql)
    assert tuple(answer.columns) == query.columns
    return [row.asDict() for row in answer.collect()]


@pytest.fixture(scope="module")
def answers(spark: Any) -> dict[str, list[dict[str, Any]]]:
    context = finished_context()
    return {query.name: ask(context, query) for query in QUERIES}


def test_every_question_has_an_answer_or_nothing_to_tell(answers: dict[str, list[dict[str, Any]]]) -> None:
    told = {name for name, rows in answers.items() if rows}
    assert told >= {"decisions", "versions", "volumes", "runs", "performance"}


def test_rows_are_accounted_for(answers: dict[str, list[dict[str, Any]]]) -> None:
    assert {row["source"] for row in answers["volumes"]} == {"orders", "deliveries"}
    assert all(row["is_accounted_for"] for row in answers["volumes"])
    assert sum(row["rows_quarantined"] for row in answers["volumes"]) > 0


def test_a_window_is_answered_once(answers: dict[str, list[dict[str, Any]]]) -> None:
    windows = [(row["model_version"], row["window_end"], row["metric"]) for row in answers["performance"]]
    assert len(windows) == len(set(windows))


def test_decisions_are_those_of_the_ledger(answers: dict[str, list[dict[str, Any]]]) -> None:
    assert [row["action"] for row in answers["decisions"]][-1] == "retrain"  # the first training
    assert answers["versions"][-1]["event"] == "gate"


def test_a_question_names_each_of_its_columns_once() -> None:
    for query in QUERIES:
        assert len(set(query.columns)) == len(query.columns) > 3
        assert query.question.endswith(("?", "."))
        assert read_query(query.name) == query
