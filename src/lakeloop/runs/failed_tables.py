"""Why a gold table could not be computed: an error a person can act on in place of Spark's trace."""

from __future__ import annotations

import re

from pyspark.errors import PySparkException

from lakeloop.config import Config
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.errors import DataContractError, Failure
from lakeloop.features.function_ticks import FAILED
from lakeloop.features.statement_ticks import REPEATED

_DATA = "22"
"""Class of SQL states that say that a value is not what a function takes."""

_TOLD = re.compile(rf"\[([A-Z][A-Z0-9_.]*)\](?:(?!\[[A-Z]).)*?SQLSTATE: {_DATA}", re.DOTALL)
"""How the text of a Java exception tells such a condition, also as the cause of another one."""


def explain_table(config: Config, table: FeatureTable, failure: Exception) -> Exception:
    """Say what of a feature table's declaration Spark could not compute.

    Args:
        config: The project.
        table: The table's declaration.
        failure: What Spark said.

    Returns:
        An error that names the file and the key columns, without any value of the data; the failure itself where the
        declaration is not what failed.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "1 hour", "needs": "2 hours",
    ...     "sql": "select shop, due_ts as n from orders", "features": {"n": {"type": "long"}}})
    >>> print(explain_table(shops, table, PySparkException(REPEATED)).failures[0])
    sql: it gives several rows of one entity at a tick; one row per shop is allowed
    """
    file = config.files.get(f"feature_table:{table.feature_table}", "its file")
    key = ", ".join(table.entity)
    if table.kind is Kind.PYTHON:
        told = str(failure).rpartition(FAILED)[2].partition(".\n")[0].strip()
        if FAILED not in str(failure):
            return failure
        remedy = f"mend {table.python}, or give the rows of some {key} another treatment in it; see {file}"
        failures = [Failure(str(table.python), f"for some {key}: {told}")]
        return DataContractError(f"gold.{table.feature_table}", failures, remedy)
    if table.kind is not Kind.SQL:
        return failure
    if REPEATED in str(failure):
        found = f"it gives several rows of one entity at a tick; one row per {key} is allowed"
        remedy = f"group by {key}, or keep one row of each with row_number(), in {file}"
        return DataContractError(f"gold.{table.feature_table}", [Failure("sql", found)], remedy)
    condition = _data_condition(failure)
    if condition is None:
        return failure
    found = f"the statement can't be computed for some rows: {condition}"
    remedy = f"guard it in {file} against such values (try_cast, try_divide, nullif)"
    return DataContractError(f"gold.{table.feature_table}", [Failure("sql", found)], remedy)


def _data_condition(failure: Exception) -> str | None:
    """Name the condition by which a value was not what a function takes; None where something else failed."""
    if isinstance(failure, PySparkException) and (failure.getSqlState() or "").startswith(_DATA):
        return failure.getCondition()
    told = _TOLD.search(str(failure))
    return None if told is None else told[1]
