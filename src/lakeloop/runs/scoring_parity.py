"""Whether two scoring engines give the same rows the same answers: compared once per version and environment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pyspark
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop import __version__, schemas
from lakeloop.config.plugin_uses import releases
from lakeloop.config.score import ScoringEngine
from lakeloop.entry_points import PluginGroup, list_plugins
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.statuses import ParityStatus
from lakeloop.tables import WriteIdentity, identity_hash

JOB = "scoring_parity"
TOLERANCE = 1e-9
"""Greatest difference of two equal answers; of those above 1, by their size."""

_PACKAGES = ("scikit-learn", "skops", "numpy", "pandas", "pyarrow", "lightgbm", "xgboost", "xgboost-cpu")


@dataclass(frozen=True)
class Parity:
    """How the answers of the engine `arrow` compare with those of `spark_udf`.

    Attributes:
        status: OK, DIFFERENT, or NO_ROWS, which is no pass.
        rows: Rows that were compared.
        max_abs_difference: Greatest difference of two answers, infinite where one engine alone answered; None without
            rows.
    """

    status: ParityStatus
    rows: int
    max_abs_difference: float | None


def judge_parity(rows: int, max_abs_difference: float | None, max_scaled_difference: float | None) -> Parity:
    """Judge how answers compare.

    Args:
        rows: Rows that were compared.
        max_abs_difference: Greatest difference of two answers; None without rows.
        max_scaled_difference: Greatest difference over the greater of both and 1; None without rows.

    Returns:
        The judgement.

    >>> judge_parity(80, 1e-7, 1e-10).status.value, judge_parity(80, 1e-8, 1e-8).status.value
    ('OK', 'DIFFERENT')
    >>> judge_parity(80, float("nan"), float("nan")).status.value, judge_parity(0, None, None).status.value
    ('DIFFERENT', 'NO_ROWS')
    """
    if rows == 0 or max_abs_difference is None or max_scaled_difference is None:
        return Parity(ParityStatus.NO_ROWS, 0, None)
    is_same = max_scaled_difference <= TOLERANCE  # not of a NaN
    found = math.inf if math.isnan(max_abs_difference) else max_abs_difference
    return Parity(ParityStatus.OK if is_same else ParityStatus.DIFFERENT, rows, found)


def compare_answers(sample: DataFrame, one: Column, other: Column, *, probabilities: bool) -> Parity:
    """Let two engines answer for rows, and compare; nulls have to be alike.

    Args:
        sample: A bounded number of rows.
        one: Answer of one engine.
        other: Answer of the other.
        probabilities: Whether an answer is an array.

    Returns:
        How they compare.

    >>> answered = spark.sql("select array(0.25d, 0.75d) as a, array(0.25d, 0.75d) as b, array(0.5d, 0.5d) as c")
    >>> compare_answers(answered, F.col("a"), F.col("b"), probabilities=True)
    Parity(status=<ParityStatus.OK: 'OK'>, rows=1, max_abs_difference=0.0)
    >>> compare_answers(answered, F.col("a"), F.col("c"), probabilities=True)
    Parity(status=<ParityStatus.DIFFERENT: 'DIFFERENT'>, rows=1, max_abs_difference=0.25)
    """
    both = sample.select(one.alias("one"), other.alias("other"))
    if not probabilities:
        both = both.select(*(F.array(name).alias(name) for name in both.columns))
    apart = F.array_max(F.zip_with("one", "other", _difference))
    scaled = F.array_max(F.zip_with("one", "other", _scaled_difference))
    alike = F.col("one").isNull() & F.col("other").isNull()
    of_row = [F.when(alike, 0.0).otherwise(F.coalesce(each, F.lit(math.inf))) for each in (apart, scaled)]
    (found,) = both.agg(F.count(F.lit(1)), *(F.max(each) for each in of_row)).collect()  # bounded: one row
    return judge_parity(int(found[0]), found[1], found[2])


def _difference(one: Column, other: Column) -> Column:
    apart = F.when(one.isNull() | other.isNull(), math.inf).otherwise(F.abs(one - other))
    return F.when(one.eqNullSafe(other), 0.0).otherwise(apart)


def _scaled_difference(one: Column, other: Column) -> Column:
    scale = F.greatest(F.lit(1.0), F.abs(one), F.abs(other))
    return F.when(one.eqNullSafe(other), 0.0).otherwise(_difference(one, other) / scale)


def scoring_environment() -> str:
    """Hash the versions of the packages that answers depend on.

    Returns:
        A hash; a recorded comparison holds for one of them.

    >>> scoring_environment() == scoring_environment()
    True
    """
    versions = {name: _installed(name) for name in _PACKAGES} | releases(list_plugins(PluginGroup.ON_DEMAND))
    return identity_hash(versions | {"pyspark": pyspark.__version__, "lakeloop": __version__})


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def find_parity(context: Context, version: ModelVersion) -> Parity | None:
    """Find what was recorded of a version in this environment.

    Args:
        context: The lake.
        version: The version.

    Returns:
        The comparison, a difference before all; None where no rows were compared yet.

    >>> first, second = context.registry.list_versions("late")
    >>> find_parity(context, first)
    Parity(status=<ParityStatus.OK: 'OK'>, rows=246, max_abs_difference=0.0)
    >>> find_parity(context, second) is None  # it has not scored yet
    True
    """
    key = (version.model, version.version, ScoringEngine.ARROW.value, scoring_environment())
    rows: dict[str, Any] = {
        row["status"]: row
        for row in context.lake.own_rows(schemas.SCORING_PARITY, None)
        if (row["model"], row["model_version"], row["engine"], row["environment"]) == key
    }
    for status in (ParityStatus.DIFFERENT, ParityStatus.OK):
        if status in rows:
            return Parity(status, rows[status]["rows"], rows[status]["max_abs_difference"])
    return None


def record_parity(context: Context, version: ModelVersion, parity: Parity) -> None:
    """Record a comparison, each result of a version and environment once.

    Args:
        context: The lake and the logical now.
        version: The version.
        parity: How the engines compare.

    >>> first = context.registry.list_versions("late")[0]
    >>> with fresh.lake.writing():
    ...     record_parity(fresh, first, Parity(ParityStatus.OK, 80, 0.0))
    >>> find_parity(fresh, first)
    Parity(status=<ParityStatus.OK: 'OK'>, rows=80, max_abs_difference=0.0)
    """
    environment = scoring_environment()
    row = {
        "model": version.model,
        "model_version": version.version,
        "engine": ScoringEngine.ARROW.value,
        "environment": environment,
        "rows": parity.rows,
        "max_abs_difference": parity.max_abs_difference,
        "status": parity.status.value,
        "as_of": context.as_of,
    }
    identity = WriteIdentity(JOB, f"{version.model} {version.version} {environment} {parity.status}")
    context.lake.append_own(schemas.SCORING_PARITY, [row], identity)
