"""Whether Spark starts, asked of the session of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.runs.doctor import spark_start
from lakeloop.statuses import CheckStatus

if TYPE_CHECKING:
    import pytest
    from pyspark.sql import SparkSession


def test_an_active_session_answers_and_stays(spark: SparkSession) -> None:
    finding = spark_start.check_spark_start(None)
    assert (finding.status, finding.found.startswith(f"Spark {spark.version} answered")) == (CheckStatus.OK, True)
    assert spark.range(1).count() == 1


def test_a_session_that_cannot_be_opened_fails_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise EnvironmentProblemError("Spark", [Failure("session", "no memory")], "x")

    monkeypatch.setattr(spark_start, "open_session", refuse)
    finding = spark_start.check_spark_start(None)
    assert (finding.status, finding.found) == (CheckStatus.FAIL, "session: no memory")
