"""Why a gold table could not be computed: an error a person can act on in place of Spark's trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.errors import PySparkException

from lakeloop.config import Config
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.loading import read_document
from lakeloop.config.located_yaml import KeyPath, dotted
from lakeloop.errors import DataContractError, Failure
from lakeloop.features.function_ticks import FAILED
from lakeloop.features.statement_ticks import REPEATED
from lakeloop.quality.attempts import attempt

_DATA = "22"
"""Class of SQL states that say that a value is not what a function takes."""

_TOLD = re.compile(rf"\[([A-Z][A-Z0-9_.]*)\](?:(?!\[[A-Z]).)*?SQLSTATE: {_DATA}", re.DOTALL)
"""How the text of a Java exception tells such a condition, also as the cause of another one."""


@contextmanager
def explaining(config: Config, table: FeatureTable) -> Iterator[None]:
    """Explain what fails meanwhile by the table's declaration, where that is what failed.

    Args:
        config: The project.
        table: The table whose rows are computed.

    Raises:
        DataContractError: If rows could not be computed as declared.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "busy", "entity": ["shop"], "every": "1 hour", "needs": "2 hours",
    ...     "sql": "select shop, due_ts as n from orders", "features": {"n": {"type": "long"}}})
    >>> try:
    ...     with explaining(shops, table):
    ...         raise PySparkException(REPEATED)
    ... except DataContractError as error:
    ...     print(error.subject)
    gold.busy
    """
    try:
        yield
    except Exception as failure:  # what fails while a task writes is none of PySpark's own classes
        explained = explain_table(config, table, failure)
        if explained is failure:
            raise
        raise explained from failure


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
    if table.kind is Kind.SQL and REPEATED in str(failure):
        found = f"it gives several rows of one entity at a tick; one row per {key} is allowed"
        remedy = f"group by {key}, or keep one row of each with row_number(), in {file}"
        return DataContractError(f"gold.{table.feature_table}", [Failure("sql", found)], remedy)
    condition = _data_condition(failure)
    if condition is None:
        return failure
    if table.kind is not Kind.SQL:
        return _explain_expressions(config, table, condition) or failure
    found = f"the statement can't be computed for some rows: {condition}"
    remedy = f"guard it in {file} against such values (try_cast, try_divide, nullif)"
    return DataContractError(f"gold.{table.feature_table}", [Failure("sql", found)], remedy)


def _explain_expressions(config: Config, table: FeatureTable, condition: str) -> Exception | None:
    """Name the expressions of a table that can fail on a row; which of several it was, Spark does not say."""
    declared = _expressions(table)
    suspected = {path: text for path, text in declared.items() if attempt(text).fails is not None} or declared
    if not suspected:
        return None
    key = f"feature_table:{table.feature_table}"
    document = read_document(config, key) if key in config.files else None
    what = "can't be computed for some row" if len(suspected) == 1 else "one of these can't be computed for some row"
    failures = []
    for path, text in suspected.items():
        issue = None if document is None else document.issue(path, "", "", "")
        place = dotted(path) if issue is None else f"{issue.file}:{issue.line}: {issue.where}"
        failures.append(Failure(place, f"{what}: {condition}, in `{text}`"))
    guard = "guard it against such values (try_cast, try_divide, nullif)"
    remedy = f"{guard}; where rows were published, `lakeloop backfill` makes them anew"
    return DataContractError(f"gold.{table.feature_table}", failures, remedy)


def _expressions(table: FeatureTable) -> dict[KeyPath, str]:
    declared: dict[KeyPath, str] = {("attributes", name, "as"): each.as_ for name, each in table.attributes.items()}
    for index, aggregate in enumerate(table.aggregate):
        given = {"rate": aggregate.rate, "where": aggregate.where}
        declared |= {("aggregate", index, key): text for key, text in given.items() if text is not None}
    return declared


def _data_condition(failure: Exception) -> str | None:
    """Name the condition by which a value was not what a function takes; None where something else failed."""
    if isinstance(failure, PySparkException) and (failure.getSqlState() or "").startswith(_DATA):
        return failure.getCondition()
    told = _TOLD.search(str(failure))
    return None if told is None else told[1]
