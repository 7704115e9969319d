"""`score:` of a model: what answers, what is scored besides what is due, and how long a stream waits."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from lakeloop.config.section import Duration, Section


class ScoringEngine(StrEnum):
    """What answers for rows on Spark."""

    AUTO = "auto"
    SPARK_UDF = "spark_udf"
    ARROW = "arrow"


class LateRows(StrEnum):
    """What becomes of a spine row that comes after its stretch of time was scored."""

    SCORE = "score"
    LEAVE_OUT = "leave_out"


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
    """

    engine: ScoringEngine = ScoringEngine.AUTO
    late: LateRows = LateRows.SCORE
    wait: Duration = timedelta(hours=1)
    shadow: bool = False
