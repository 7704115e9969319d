"""The columns of bronze and quarantine, from a source's declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql.types import StringType, StructField, StructType

from lakeloop import schemas
from lakeloop.config.private_columns import private_source_columns
from lakeloop.config.section import PII
from lakeloop.config.source import ColumnType, Source
from lakeloop.landing import MALFORMED
from lakeloop.tables import Lake, TableAddress, rewrite_words


def bronze_schema(source: Source) -> StructType:
    """Give the columns of a bronze table, with their meaning.

    Args:
        source: The source's declaration.

    Returns:
        Landed columns (a local reading stays text), derived columns, and what every bronze table has.

    >>> bronze_schema(context.config.sources["deliveries"]).fieldNames()[:7]
    ['order', 'shop', 'delivered_ts', 'delay_minutes', 'is_late', 'event_ts', 'available_ts']
    """
    fields: list[StructField] = []
    for name, kind in source.all_columns.items():
        declared = source.columns.get(name) or source.derive[name]
        unit = f" [{declared.unit}]" if declared.unit else ""
        fields.append(schemas.column(name, _spark_type(kind), f"{declared.description}{unit}"))
    return StructType([*fields, *schemas.BRONZE_COLUMNS])


def _spark_type(kind: ColumnType) -> Any:
    return {
        ColumnType.STRING: schemas.TEXT,
        ColumnType.INTEGER: schemas.INT,
        ColumnType.LONG: schemas.LONG,
        ColumnType.DOUBLE: schemas.DOUBLE,
        ColumnType.BOOLEAN: schemas.TRUTH,
        ColumnType.DATE: schemas.DATE,
        ColumnType.TIMESTAMP: schemas.INSTANT,
        ColumnType.LOCAL_TIMESTAMP: schemas.TEXT,
    }[kind]


def _quarantine_schema(source: Source) -> StructType:
    """Give the columns of a quarantine table, with their meaning.

    Args:
        source: The source's declaration.

    Returns:
        Landed columns as text, the text of a malformed record, and what every quarantine table has.
    """
    texts = [
        schemas.column(name, schemas.TEXT, f"as landed: {declared.description}")
        for name, declared in source.columns.items()
    ]
    malformed = schemas.column(MALFORMED, StringType(), "text of a record that could not be taken apart")
    return StructType([*texts, malformed, *schemas.QUARANTINE_COLUMNS])


def create_tables(lake: Lake, source: Source) -> None:
    """Create the tables a source's rows go to, where they are missing.

    Args:
        lake: The tables.
        source: The source's declaration.

    >>> create_tables(context.lake, context.config.sources["orders"])  # nothing is done to what is there
    >>> context.lake.columns(context.lake.address("quarantine", "orders")).fieldNames()[:4]
    ['order', 'shop', 'items', 'due_ts']
    """
    for each in _tables(lake, source):
        lake.create(each.address, each.columns, each.description, each.properties)
    lake.create_own(schemas.INGESTED_BATCHES)


def describe_tables(lake: Lake, source: Source) -> tuple[str, ...]:
    """Let the tables a source's rows go to say what is declared of it now, where they are and say something else.

    Args:
        lake: The tables.
        source: The source's declaration.

    Returns:
        The tables that say something else now.

    >>> describe_tables(context.lake, context.config.sources["orders"])
    ()
    """
    return tuple(
        str(each.address)
        for each in _tables(lake, source)
        if rewrite_words(lake, each.address, each.columns, each.description, each.properties)
    )


@dataclass(frozen=True)
class _Table:
    address: TableAddress
    columns: StructType
    description: str
    properties: Mapping[str, str]


def _tables(lake: Lake, source: Source) -> tuple[_Table, _Table]:
    name = source.source
    keys = {"key": ", ".join(source.key), "mode": source.mode.value}
    keys |= {"time_column": "available_ts", "owner": source.owner}
    rejected = f"Rows of {name} that broke a rule, as landed."
    bronze, quarantine = bronze_schema(source), _quarantine_schema(source)
    return (
        _Table(lake.address("bronze", name), bronze, source.description, keys | _tags(source, bronze)),
        _Table(lake.address("quarantine", name), quarantine, rejected, _tags(source, quarantine)),
    )


def _tags(source: Source, columns: StructType) -> dict[str, str]:
    """Give the tags of a source and of its columns as properties; what is made of a private column is private too."""
    private, declared = private_source_columns(source), source.declared
    found = {"tags": ", ".join(source.tags)} if source.tags else {}
    for name in columns.fieldNames():
        own = (*(declared[name].tags if name in declared else ()), *([PII] if name in private else []))
        found |= {f"tags.{name}": ", ".join(dict.fromkeys(own))} if own else {}
    return found
