"""`score:` of a model: what answers, what is scored besides what is due, and how long a stream waits."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from lakeloop.config.section import Duration, Section, Whole

MAX_WALKS = 200_000
"""Walks of an explanation, of all rows together: each costs a prediction per input column."""


class ScoringEngine(StrEnum):
    """What answers for rows on Spark."""

    AUTO = "auto"
    SPARK_UDF = "spark_udf"
    ARROW = "arrow"


class LateRows(StrEnum):
    """What becomes of a spine row that comes after its stretch of time was scored."""

    SCORE = "score"
    LEAVE_OUT = "leave_out"


class Explain(Section):
    """Which predictions are explained, and how thoroughly.

    Attributes:
        rows: Predictions of a scoring that are explained: those with the smallest `prediction_id`, a hash.
        top: Contributions that are kept of each, the largest.
        background: Training rows that they are compared with.
        permutations: Orders of the columns that are walked from each of these, an even number: half of them are the
            other half reversed.
    """

    rows: Whole = Field(default=100, ge=1, le=1000)
    top: Whole = Field(default=3, ge=1, le=20)
    background: Whole = Field(default=20, ge=1, le=500)
    permutations: Whole = Field(default=2, ge=2, le=100, multiple_of=2)

    @property
    def walks(self) -> int:
        """Walks of a scoring: from every background row in every order, for every prediction.

        >>> Explain(rows=200).walks
        8000
        """
        return self.rows * self.background * self.permutations

    @model_validator(mode="after")
    def _costs_no_more_than_that(self) -> Self:
        if self.walks > MAX_WALKS:
            product = f"times background {self.background} and permutations {self.permutations}"
            raise ValueError(
                f"rows: {product} it is {self.walks}; write less of one of the three: at most {MAX_WALKS} in all"
            )
        return self


class Score(Section):
    """How the model's rows are scored; no part of what a version is made by.

    Attributes:
        engine: `spark_udf` is MLflow's function; `arrow` hands the model's inputs alone to Python, where a process
            loads the model once, and is refused where it does not give what `spark_udf` gives. `auto` is `arrow` once
            a comparison of the two is recorded as equal, else `spark_udf`.
        late: Rows that come after their stretch of time was scored: `score` them, or `leave_out`, which counts them.
        wait: How long after its `prediction_ts` a row of a stream waits for gold tables that are not built far enough;
            then it is scored by what they hold, and marked STALE. A batch never scores by such tables.
        shadow: Whether the challenger scores the same rows beside the champion, as `purpose = shadow`.
        explain: Whether the columns that did most to a score are written to `explanations.<model>`, for a sample of the
            rows; `true` stands for the defaults below, `false` for none.
    """

    engine: ScoringEngine = ScoringEngine.AUTO
    late: LateRows = LateRows.SCORE
    wait: Duration = timedelta(hours=1)
    shadow: bool = False
    explain: Explain | None = None

    @field_validator("explain", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        if isinstance(value, bool):
            return Explain() if value else None
        return value
