"""The tables of a model, predictions and training sets: created, and kept saying what is declared now."""

from __future__ import annotations

from pyspark.sql.types import StructType

from lakeloop.config import Config
from lakeloop.config.model import Model
from lakeloop.config.private_columns import private_source_columns
from lakeloop.config.section import PII
from lakeloop.discovery.private import private_columns
from lakeloop.runs.context import Context
from lakeloop.tables import TableAddress, rewrite_words


def describe_model_table(
    context: Context, model: Model, address: TableAddress, columns: StructType, description: str, key: str
) -> None:
    """Create a table of a model where it is missing, and let one that stands say what is declared of it now.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        address: The table.
        columns: Its columns, with their meaning.
        description: What a row is.
        key: The columns that tell rows apart.

    >>> from lakeloop.schemas import LONG, column
    >>> order, late = StructType([column("order", LONG, "its number")]), fresh.config.models["late"]
    >>> address = fresh.lake.address("predictions", "late")
    >>> for each in ("A prediction.", "A prediction.", "An answer."):
    ...     describe_model_table(fresh, late, address, order, each, "order")
    >>> fresh.lake.version(address)
    1
    """
    properties = {"time_column": "prediction_ts", "key": key, "owner": model.owner}
    said = properties | _tags(context.config, model, columns)
    context.lake.create(address, columns, description, said)
    rewrite_words(context.lake, address, columns, description, said)


def _tags(config: Config, model: Model, columns: StructType) -> dict[str, str]:
    private = private_columns(config, model) | private_source_columns(config.sources[model.predict.from_])
    return {f"tags.{name}": PII for name in columns.fieldNames() if name in private}
