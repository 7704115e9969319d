"""Which engine does a step that has two, from what the tables' logs say of their sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyspark.sql.types import DataType, StringType, StructType

from lakeloop.config.project import Engine
from lakeloop.errors import BudgetError, Failure
from lakeloop.runs.context import Context

MIB = 1024 * 1024
_BYTES_PER_VALUE = 8
_BYTES_PER_TEXT = 60


@dataclass(frozen=True)
class Held:
    """Rows that are to be held in memory.

    Attributes:
        what: What they are, for people: `gold.weather`.
        rows: Number of rows; None when it is not known, which fits no budget.
        numbers: Columns of eight bytes or less.
        texts: Columns of text.
        copies: How often they are held at once.

    >>> Held("gold.weather", 1_000_000, numbers=3, texts=1).mib
    80
    """

    what: str
    rows: int | None
    numbers: int
    texts: int = 0
    copies: int = 1

    @property
    def row_bytes(self) -> int:
        """Bytes that a row needs."""
        return self.copies * (self.numbers * _BYTES_PER_VALUE + self.texts * _BYTES_PER_TEXT)

    @property
    def mib(self) -> int | None:
        """Bytes they need, in MiB, rounded down; None when the rows are not known."""
        return None if self.rows is None else self.rows * self.row_bytes // MIB


def held_columns(
    what: str, rows: int | None, types: Mapping[str, DataType], wanted: Iterable[str], copies: int
) -> Held:
    """Estimate what columns of a table need.

    Args:
        what: What the rows are.
        rows: Number of rows; None when it is not known.
        types: Column -> type.
        wanted: Columns that are read; one that has no type is a number.
        copies: How often they are held at once.

    Returns:
        The estimate.

    >>> held_columns("orders", 10, {"shop": StringType()}, ["shop", "items"], 2)
    Held(what='orders', rows=10, numbers=1, texts=1, copies=2)
    """
    names = list(wanted)
    texts = sum(isinstance(types.get(name), StringType) for name in names)
    return Held(what, rows, len(names) - texts, texts, copies)


def types_of(columns: StructType) -> dict[str, DataType]:
    """Give the types of columns by name.

    >>> types_of(StructType().add("shop", "string"))
    {'shop': StringType()}
    """
    return {field.name: field.dataType for field in columns.fields}


def choose_engine(context: Context, what: str, held: Iterable[Held]) -> Engine:
    """Choose the engine of a step.

    Args:
        context: Project, lake and logical now.
        what: The step, for people.
        held: What the in-process engine would hold in memory.

    Returns:
        LOCAL or SPARK: what `engine` in project.yml says; with `auto` LOCAL when the tables are on paths and the
        estimate is within `memory_budget_mib`.

    Raises:
        BudgetError: If LOCAL is declared and the estimate is above the budget or not known.

    >>> small, large = Held("gold.weather", 10_000, numbers=3), Held("gold.routes", 10**9, numbers=3)
    >>> choose_engine(context, "join", [small]).value, choose_engine(context, "join", [small, large]).value
    ('local', 'spark')
    """
    project = context.config.project
    if project.engine is Engine.SPARK or project.catalog is not None:
        return Engine.SPARK
    parts = sorted(held, key=lambda each: -1 if each.mib is None else -each.mib)
    unknown = [each for each in parts if each.mib is None]
    needed = sum(each.mib or 0 for each in parts)
    if not unknown and needed <= project.memory_budget_mib:
        return Engine.LOCAL
    if project.engine is Engine.AUTO:
        return Engine.SPARK
    told = [Failure("memory", f"about {needed} MiB are needed, declared are {project.memory_budget_mib}")]
    told += [Failure(each.what, "its log does not tell its rows") for each in unknown]
    told += [Failure(each.what, f"{each.rows} rows, about {each.mib} MiB") for each in parts if each.mib]
    raise BudgetError(what, told, "raise memory_budget_mib in project.yml, or write engine: auto or spark")
