"""What a Python feature table is given: its function, and the rows it may see."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame

from lakeloop.config.feature_function import FOLDER, load_function
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.loading import read_document
from lakeloop.config.source import TIME_COLUMNS
from lakeloop.errors import ConfigError
from lakeloop.features.function_ticks import Function, call_ticks
from lakeloop.runs.context import Context


def function_rows(
    context: Context, table: FeatureTable, since: datetime | None, through: datetime, *, version: int | None = None
) -> DataFrame:
    """Compute the rows that complete a Python feature table.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.
        since: Tick up to which it is complete; None at the first build.
        through: Tick up to which it is to be complete.
        version: Delta version of bronze to read; the newest without it.

    Returns:
        The rows, as of `call_ticks`.

    Raises:
        ConfigError: If the module of the function cannot be imported.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "pace", "entity": ["shop"], "from": "deliveries", "every": "1 day", "needs": "1 day",
    ...     "python": "json.dumps", "features": {"n": {"type": "long"}}})
    >>> function_rows(context, table, None, context.as_of).columns
    ['shop', 'event_ts', 'available_ts', 'n']
    """
    source = context.config.sources[str(table.from_)]
    after = since - table.needs if since is not None and table.needs is not None else None
    bronze = context.lake.address("bronze", source.source)
    events = context.lake.read(bronze, through, after=after, version=version)
    events = events.select(*source.all_columns, *TIME_COLUMNS)
    return call_ticks(events, table, find_function(context, table), since, through, source.key)


def find_function(context: Context, table: FeatureTable) -> Function:
    """Import the function of a Python feature table.

    Args:
        context: Project, lake and logical now.
        table: The table's declaration.

    Returns:
        The function.

    Raises:
        ConfigError: If its module cannot be imported.

    >>> table = FeatureTable.model_validate({
    ...     "feature_table": "pace", "entity": ["shop"], "from": "deliveries", "every": "1 day", "needs": "1 day",
    ...     "python": "json.dumps", "features": {"n": {"type": "long"}}})
    >>> find_function(context, table).__name__
    'dumps'
    """
    try:
        return load_function(context.config.root, str(table.python))
    except Exception as error:
        raise _unimportable(context, table, error) from error


def _unimportable(context: Context, table: FeatureTable, error: Exception) -> ConfigError:
    document = read_document(context.config, f"feature_table:{table.feature_table}")
    got = f"{table.python}, whose module fails with {type(error).__name__} when it is imported"
    remedy = f"mend the module in {FOLDER}/, or install what it imports"
    return ConfigError([document.issue(("python",), got, "a module that can be imported", remedy)])
