"""How the rows of a model are scored."""

from __future__ import annotations

from enum import StrEnum

from lakeloop.config.section import Section


class ScoringEngine(StrEnum):
    """What answers for rows on Spark."""

    AUTO = "auto"
    SPARK_UDF = "spark_udf"
    ARROW = "arrow"


class Score(Section):
    """How rows are scored; no part of what a version is made by, because the engines give the same answers.

    Attributes:
        engine: `spark_udf` is MLflow's function; `arrow` hands the model's inputs alone to Python, where a process
            loads the model once, and is refused where it does not give what `spark_udf` gives. `auto` is `arrow` once
            a comparison of the two is recorded as equal, else `spark_udf`.
    """

    engine: ScoringEngine = ScoringEngine.AUTO
