"""The `landing` section of a source: where files arrive, what they are, and what becomes of columns that differ."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from lakeloop.config.section import Folder, Name, Section, Text


class FileFormat(StrEnum):
    """Formats of landed files. JSON is one object per line."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class NewColumns(StrEnum):
    """What becomes of a file with a column that is not declared.

    The file is refused; the column is left out; it becomes a column of bronze, as text; or the rows are quarantined.
    """

    REFUSE = "refuse"
    IGNORE = "ignore"
    ADD_NULLABLE = "add_nullable"
    QUARANTINE = "quarantine"


class MissingColumns(StrEnum):
    """What becomes of a file that lacks a declared column: it is refused, or the column is null in its rows."""

    REFUSE = "refuse"
    NULL = "null"


def written_null(value: Any) -> Any:
    """Take nothing for the word null: YAML reads an unquoted null as nothing.

    >>> str(written_null(None)), written_null("refuse")
    ('null', 'refuse')
    """
    return MissingColumns.NULL if value is None else value


_PATTERNS = {FileFormat.CSV: "*.csv", FileFormat.JSON: "*.jsonl", FileFormat.PARQUET: "*.parquet"}
_CSV_NULLS = ("", "NA")


def _inside(pattern: str) -> str:
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise ValueError("it leads out of the landing folder; write a pattern of names below the landing folder")
    return pattern


class Landing(Section):
    """Where files arrive.

    Attributes:
        path: Folder, relative to the workspace, or absolute.
        format: Format of the files; `json` is one object per line.
        pattern: Which files of the folder count; `*.csv`, `*.jsonl` or `*.parquet` by default, as the format is.
        names: Name of a column in the files -> the declared column it is, where the two differ.
        null_values: Texts that stand for a missing value; empty text and `NA` by default in CSV, none in other formats.
        new_columns: What becomes of a file with a column that is not declared.
        missing_columns: What becomes of a file that lacks a declared column.
    """

    path: Folder
    format: FileFormat = FileFormat.CSV
    pattern: Annotated[Text, AfterValidator(_inside)] | None = None
    names: dict[Text, Name] = Field(default_factory=dict, exclude_if=lambda names: not names)
    null_values: tuple[str, ...] | None = None
    new_columns: NewColumns = NewColumns.REFUSE
    missing_columns: Annotated[MissingColumns, BeforeValidator(written_null)] = MissingColumns.REFUSE

    @field_validator("names")
    @classmethod
    def _one_name_each(cls, value: dict[str, str]) -> dict[str, str]:
        twice = sorted({column for column in value.values() if list(value.values()).count(column) > 1})
        if twice:
            told = " and ".join(repr(name) for name, column in value.items() if column == twice[0])
            raise ValueError(f"names: {told} are both {twice[0]}; write one of them")
        return value

    def declared_name(self, name: str) -> str:
        """Give the declared name of a column of a file.

        >>> Landing(path="lines", names={"Customer ID": "customer_id"}).declared_name("Customer ID")
        'customer_id'
        """
        return self.names.get(name, name)

    @property
    def files(self) -> str:
        """Pattern of the files that count.

        >>> Landing(path="orders", format="json").files, Landing(path="orders", pattern="o*.csv").files
        ('*.jsonl', 'o*.csv')
        """
        return self.pattern or _PATTERNS[self.format]

    @property
    def nulls(self) -> frozenset[str]:
        """Texts that stand for a missing value.

        >>> sorted(Landing(path="orders").nulls), sorted(Landing(path="orders", format="json").nulls)
        (['', 'NA'], [])
        """
        if self.null_values is not None:
            return frozenset(self.null_values)
        return frozenset(_CSV_NULLS if self.format is FileFormat.CSV else ())

    @property
    def keeps_new_columns(self) -> bool:
        """Whether what lands in a column that is not declared is kept at all.

        >>> Landing(path="orders").keeps_new_columns, Landing(path="orders", new_columns="quarantine").keeps_new_columns
        (False, True)
        """
        return self.new_columns in (NewColumns.ADD_NULLABLE, NewColumns.QUARANTINE)
