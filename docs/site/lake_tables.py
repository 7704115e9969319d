"""The tables of the lake as Markdown, written from `lakeloop.schemas`."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pyspark.sql.types import StructField

from docs.site.tables import one_line, write_table
from lakeloop.schemas import (
    BRONZE_COLUMNS,
    BRONZE_VOLATILE,
    EXPLANATION_COLUMNS,
    OWN_TABLES,
    PREDICTION_COLUMNS,
    QUARANTINE_COLUMNS,
    REQUEST_COLUMNS,
    TRAINING_COLUMNS,
    prediction_columns,
)

_ADDED: tuple[tuple[str, str, tuple[StructField, ...], Collection[str]], ...] = (
    ("bronze.<source>", "accepted row: the columns of the source, and", BRONZE_COLUMNS, BRONZE_VOLATILE),
    ("quarantine.<source>", "rejected row: the columns of the source, and", QUARANTINE_COLUMNS, ("_ingested_ts",)),
    (
        "training_sets.<model>",
        "spine row of a training set: id and model columns, look-up statuses, and",
        TRAINING_COLUMNS,
        (),
    ),
    (
        "predictions.<model>",
        "spine row x version x purpose x revision: id and model columns, look-up statuses, and",
        tuple(dict.fromkeys((*PREDICTION_COLUMNS[:-1], *prediction_columns(("a", "b"))[7:9], PREDICTION_COLUMNS[-1]))),
        (),
    ),
    (
        "requests.<model>",
        "row of an online request: the columns of the request, the features, and",
        REQUEST_COLUMNS,
        (),
    ),
    ("explanations.<model>", "prediction x rank", EXPLANATION_COLUMNS, ()),
)


def render_tables() -> str:
    """Write the page.

    >>> "## ops.decisions" in render_tables()
    True
    """
    parts = [
        "Reads are cut at the `as_of` of a turn by the column that a table names. A required column is never null; a"
        " volatile one may differ between two tables that are equal.",
    ]
    for table in OWN_TABLES:
        parts += [
            f"## {table.layer}.{table.name}",
            f"One row: {one_line(table.grain)}. Cut by `{table.cut_by}`.",
            _columns(table.columns.fields, table.volatile),
        ]
    parts += [
        "## Tables with columns of the project",
        "Feature tables in `gold` have the entity, `available_ts` and the declared features.",
    ]
    for name, grain, columns, volatile in _ADDED:
        parts += [
            f"### {name.replace('<', '&lt;')}",
            f"One row: {grain}:".replace("and:", "these:"),
            _columns(columns, volatile),
        ]
    return "\n\n".join(parts)


def _columns(columns: Iterable[StructField], volatile: Collection[str]) -> str:
    rows = [
        (
            f"`{each.name}`",
            f"`{each.dataType.simpleString()}`",
            ", ".join(
                word for word, holds in (("required", not each.nullable), ("volatile", each.name in volatile)) if holds
            ),
            one_line(each.metadata.get("comment", "")),
        )
        for each in columns
    ]
    return write_table(("column", "type", "note", "meaning"), rows)
