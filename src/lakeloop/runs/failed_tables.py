"""Why a gold table could not be computed: an error a person can act on in place of Spark's trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyspark.errors import PySparkException

from lakeloop.config import Config
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.loading import read_document
from lakeloop.config.located_yaml import KeyPath, dotted
from lakeloop.config.spark_text import data_condition
from lakeloop.errors import DataContractError, Failure, LakeloopError
from lakeloop.features.function_ticks import FAILED
from lakeloop.features.statement_ticks import REPEATED
from lakeloop.quality.attempts import attempt


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
        raise explained from None  # Spark's text quotes the value


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
    condition = condition_of(failure)
    if condition is None:
        return failure
    if table.kind is not Kind.SQL:
        return _explain_expressions(config, table, condition) or failure
    found = f"the statement can't be computed for some rows: {condition}"
    remedy = f"guard it in {file} against such values (try_cast, try_divide, nullif)"
    return DataContractError(f"gold.{table.feature_table}", [Failure("sql", found)], remedy)


def _explain_expressions(config: Config, table: FeatureTable, condition: str) -> Exception | None:
    failures = suspect(config, f"feature_table:{table.feature_table}", _expressions(table), condition)
    if not failures:
        return None
    remedy = f"{GUARD}; where rows were published, `lakeloop backfill` makes them anew"
    return DataContractError(f"gold.{table.feature_table}", failures, remedy)


GUARD = "guard it against such values (try_cast, try_divide, nullif)"


def suspect(config: Config, key: str, declared: Mapping[KeyPath, str], condition: str) -> list[Failure]:
    """Name the expressions of a file that can fail on a row; which of several it was, Spark does not say.

    Args:
        config: The project.
        key: Kind and name of the file's object, `model:late`.
        declared: Path in the file -> expression.
        condition: The condition by which Spark failed.

    Returns:
        A failure for each that can fail, or for all where none is known to; with file and line, without any value.

    >>> declared = {("label", "as"): "delay_minutes > 10", ("predict", "at"): "cast(shop as timestamp)"}
    >>> for each in suspect(shops, "model:late", declared, "CAST_INVALID_INPUT"):
    ...     print(each)
    conf/base/models/late.yml:2: predict.at: can't be computed for some row: CAST_INVALID_INPUT, in \
`cast(shop as timestamp)`
    """
    suspected = {path: text for path, text in declared.items() if attempt(text).fails is not None} or declared
    document = read_document(config, key) if key in config.files else None
    what = "can't be computed for some row" if len(suspected) == 1 else "one of these can't be computed for some row"
    failures = []
    for path, text in suspected.items():
        issue = None if document is None else document.issue(path, "", "", "")
        place = dotted(path) if issue is None else f"{issue.file}:{issue.line}: {issue.where}"
        failures.append(Failure(place, f"{what}: {condition}, in `{text}`"))
    return failures


def _expressions(table: FeatureTable) -> dict[KeyPath, str]:
    declared: dict[KeyPath, str] = {("attributes", name, "as"): each.as_ for name, each in table.attributes.items()}
    for index, aggregate in enumerate(table.aggregate):
        given = {"rate": aggregate.rate, "where": aggregate.where}
        declared |= {("aggregate", index, key): text for key, text in given.items() if text is not None}
    return declared


def condition_of(failure: Exception) -> str | None:
    """Name the condition by which a value was not what a function takes.

    Args:
        failure: What was raised, by PySpark or by Py4J.

    Returns:
        The condition; None where something else failed.

    >>> condition_of(RuntimeError("Caused by: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012"))
    'DIVIDE_BY_ZERO'
    """
    if isinstance(failure, LakeloopError):  # it tells of itself
        return None
    if isinstance(failure, PySparkException):
        return data_condition(str(failure), failure.getSqlState(), failure.getCondition())
    return data_condition(str(failure))
