"""What a table says of itself: its description, comments of its columns, and properties that begin with `lakeloop.`.

They are set when a table is created, and follow the declaration afterwards, in versions that hold no new rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deltalake import CommitProperties, DeltaTable
from pyspark.sql.types import StructType

from lakeloop.tables.address import TableAddress
from lakeloop.tables.catalog import render_words
from lakeloop.tables.in_process import read_columns
from lakeloop.tables.integrity import ACCEPTED_THROUGH, NEW_WORDS
from lakeloop.tables.lake import Lake
from lakeloop.tables.settings import FORMAT_PROPERTY, OWN
from lakeloop.tables.spark_statements import run_statements

_NO_WORDS = frozenset({ACCEPTED_THROUGH, FORMAT_PROPERTY})
"""Properties that are no words of the declaration: it neither says nor takes them back."""


@dataclass(frozen=True)
class Words:
    """What a table says of itself.

    Attributes:
        description: What a row is.
        comments: Column -> what it means.
        properties: Properties that begin with `lakeloop.`.
    """

    description: str
    comments: Mapping[str, str]
    properties: Mapping[str, str]


@dataclass(frozen=True)
class NewWords:
    """What has to be said anew.

    Attributes:
        description: The table's description; None where it stays.
        comments: Column -> what it means, of columns whose comment is another.
        properties: Properties that are others; empty where one is not declared any more.
    """

    description: str | None
    comments: Mapping[str, str]
    properties: Mapping[str, str]

    def __bool__(self) -> bool:
        return self.description is not None or bool(self.comments or self.properties)


def compare_words(now: Words, declared: Words) -> NewWords:
    """Find what a table does not say as it is declared; no word and an empty one are the same.

    Args:
        now: What the table says.
        declared: What it is to say. Columns that are not declared keep their comments.

    Returns:
        What differs.

    >>> now = Words("A shop.", {"shop": "it", "tip": "kept"}, {"lakeloop.owner": "ops", "lakeloop.unit.tip": "cent"})
    >>> found = compare_words(now, Words("A shop.", {"shop": "its name"}, {"lakeloop.owner": "ops"}))
    >>> found.description, found.comments, found.properties
    (None, {'shop': 'its name'}, {'lakeloop.unit.tip': ''})
    >>> bool(compare_words(now, now))
    False
    """
    known = {name: said for name, said in now.properties.items() if name.startswith(OWN) and name not in _NO_WORDS}
    wanted = dict.fromkeys(known, "") | dict(declared.properties)
    return NewWords(
        declared.description if declared.description != now.description else None,
        {name: said for name, said in declared.comments.items() if name in now.comments and said != now.comments[name]},
        {name: said for name, said in wanted.items() if said != known.get(name, "")},
    )


def read_properties(lake: Lake, address: TableAddress) -> dict[str, str]:
    """Read what a table says of itself in properties.

    Args:
        lake: The tables.
        address: The table.

    Returns:
        Property without `lakeloop.` -> what it says; nothing where there is no table.

    >>> said = read_properties(context.lake, context.lake.address("bronze", "orders"))
    >>> said["key"], read_properties(context.lake, context.lake.address("bronze", "none"))
    ('order', {})
    """
    if not lake.exists(address):
        return {}
    said = _read_catalog(lake, address) if address.in_catalog else _read_path(address.path)
    return {name.removeprefix(OWN): each for name, each in said.properties.items() if name.startswith(OWN)}


def rewrite_words(
    lake: Lake, address: TableAddress, columns: StructType, description: str, properties: Mapping[str, str]
) -> bool:
    """Let a table say what is declared of it now; a table that says it already gets no new version.

    Args:
        lake: The tables.
        address: The table; nothing is done where there is none.
        columns: Its columns as they are declared; comments come from the fields' metadata.
        description: What a row is.
        properties: More table properties, as they were given when it was created.

    Returns:
        Whether anything was said anew. Stopped halfway, the next call says the rest.

    >>> from lakeloop.schemas import TEXT, column
    >>> shops, before = fresh.lake.address("gold", "words"), StructType([column("shop", TEXT, "it")])
    >>> fresh.lake.create(shops, before, "A shop.", {"owner": "ops"})
    >>> after = StructType([column("shop", TEXT, "its name")])
    >>> [rewrite_words(fresh.lake, shops, each, "A shop.", {"owner": "ops"}) for each in (before, after, after)]
    [False, True, False]
    >>> fresh.lake.columns(shops)["shop"].metadata, fresh.lake.version(shops)
    ({'comment': 'its name'}, 1)
    """
    if not lake.exists(address):
        return False
    declared = Words(description, _comments(columns), {f"{OWN}{name}": said for name, said in properties.items()})
    if address.in_catalog:
        new = compare_words(_read_catalog(lake, address), declared)
        _write_by_spark(lake, address, new)
        return bool(new)
    new = compare_words(_read_path(address.path), declared)
    if address.by_spark:
        _write_by_spark(lake, address, new)
    else:
        _write_path(address.path, new)
    return bool(new)


def _write_by_spark(lake: Lake, address: TableAddress, new: NewWords) -> None:
    run_statements(lake.spark, render_words(address, new.description, new.comments, new.properties), NEW_WORDS)


def _comments(columns: StructType) -> dict[str, str]:
    return {each.name: (each.metadata or {}).get("comment", "") for each in columns.fields}


def _read_path(path: str) -> Words:
    said = DeltaTable(path).metadata()
    return Words(said.description or "", _comments(read_columns(path)), dict(said.configuration))


def _read_catalog(lake: Lake, address: TableAddress) -> Words:
    row = lake.spark.sql(f"DESCRIBE DETAIL {address.sql}").select("description", "properties").first()
    description, properties = ("", {}) if row is None else (row["description"] or "", row["properties"])
    return Words(description, _comments(lake.columns(address)), properties)


def _write_path(path: str, new: NewWords) -> None:
    if not new:
        return
    alter, said = DeltaTable(path).alter, CommitProperties(custom_metadata={"userMetadata": NEW_WORDS})
    if new.description is not None:
        alter.set_table_description(new.description, commit_properties=said)
    for name, comment in new.comments.items():
        alter.set_column_metadata(name, {"comment": comment}, commit_properties=said)
    if new.properties:
        alter.set_table_properties(dict(new.properties), raise_if_not_exists=False, commit_properties=said)
