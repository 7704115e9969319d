"""Tables of a catalog: what is said to it in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql.types import StructField, StructType

from lakeloop.tables.address import TableAddress


def render_create(address: TableAddress, columns: StructType, description: str, settings: Mapping[str, str]) -> str:
    r"""Write the statement that creates a table where it is missing.

    Args:
        address: The table.
        columns: Its columns; comments come from the fields' metadata.
        description: What a row is.
        settings: Table properties.

    Returns:
        SQL.

    >>> from pyspark.sql.types import StringType, StructField
    >>> columns = StructType([StructField("shop", StringType(), False, {"comment": "the shop's name"})])
    >>> table = TableAddress("gold", "shops", "main", in_catalog=True)
    >>> print(render_create(table, columns, "One row per shop.", {"owner": "ops"}).replace(" USING", "\nUSING"))
    CREATE TABLE IF NOT EXISTS `main`.`gold`.`shops` (`shop` string NOT NULL COMMENT 'the shop\'s name')
    USING DELTA COMMENT 'One row per shop.' TBLPROPERTIES ('owner' = 'ops')
    """
    rendered = ", ".join(f"{_literal(key)} = {_literal(value)}" for key, value in settings.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {address.sql} ({_fields(columns.fields)}) USING DELTA "
        f"COMMENT {_literal(description)} TBLPROPERTIES ({rendered})"
    )


def render_add_columns(address: TableAddress, columns: Sequence[StructField]) -> str:
    """Write the statement that adds columns to a table.

    Args:
        address: The table.
        columns: Columns that it lacks.

    Returns:
        SQL.

    >>> from pyspark.sql.types import StringType
    >>> town = StructField("town", StringType(), True, {"comment": "where it is"})
    >>> render_add_columns(TableAddress("gold", "shops", "main", in_catalog=True), [town])
    "ALTER TABLE `main`.`gold`.`shops` ADD COLUMNS (`town` string COMMENT 'where it is')"
    """
    return f"ALTER TABLE {address.sql} ADD COLUMNS ({_fields(columns)})"


def _fields(columns: Sequence[StructField]) -> str:
    return ", ".join(
        f"`{f.name.replace('`', '``')}` {f.dataType.simpleString()}{'' if f.nullable else ' NOT NULL'}"
        f" COMMENT {_literal((f.metadata or {}).get('comment', ''))}"
        for f in columns
    )


def render_words(
    address: TableAddress, description: str | None, comments: Mapping[str, str], settings: Mapping[str, str]
) -> list[str]:
    r"""Write the statements that let a table say other things of itself.

    Args:
        address: The table.
        description: What a row is; None leaves it.
        comments: Column -> what it means.
        settings: Table properties.

    Returns:
        SQL, a statement per change.

    >>> table = TableAddress("gold", "shops", "main", in_catalog=True)
    >>> for each in render_words(table, "A shop.", {"shop": "the shop's name"}, {"lakeloop.owner": "ops"}):
    ...     print(each)
    COMMENT ON TABLE `main`.`gold`.`shops` IS 'A shop.'
    ALTER TABLE `main`.`gold`.`shops` ALTER COLUMN `shop` COMMENT 'the shop\'s name'
    ALTER TABLE `main`.`gold`.`shops` SET TBLPROPERTIES ('lakeloop.owner' = 'ops')
    >>> render_words(table, None, {}, {})
    []
    """
    statements = [] if description is None else [f"COMMENT ON TABLE {address.sql} IS {_literal(description)}"]
    statements += [
        f"ALTER TABLE {address.sql} ALTER COLUMN `{name}` COMMENT {_literal(comment)}"
        for name, comment in comments.items()
    ]
    if settings:
        rendered = ", ".join(f"{_literal(key)} = {_literal(value)}" for key, value in settings.items())
        statements.append(f"ALTER TABLE {address.sql} SET TBLPROPERTIES ({rendered})")
    return statements


def _literal(text: str) -> str:
    r"""Quote a SQL string.

    >>> _literal("the carrier's code")
    "'the carrier\\'s code'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
