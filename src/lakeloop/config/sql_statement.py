"""The statement of an SQL feature table: what it reads, names and gives, told without Spark.

The statement is kept as it is written. Only the names of its tables and `:tick` are replaced, at their places in the
text, so that Spark reads what the user wrote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import cast

import sqlglot
from sqlglot import exp
from sqlglot.dialects import Spark
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from lakeloop.config.expressions import is_reaching, is_unrepeatable, syntax_problem

GOLD = "gold"
TICK = "tick"


@dataclass(frozen=True)
class TableName:
    """A table at its place in a statement.

    Attributes:
        key: `outcomes` for a source, `gold.weather` for a feature table; in lower case.
        start: Where its name begins in the text.
        end: Where its name ends, not included.
        alias: Name by which its columns are qualified where the statement gives it none; empty where it does.
    """

    key: str
    start: int
    end: int
    alias: str


@dataclass(frozen=True)
class Statement:
    """A statement that was read.

    Attributes:
        text: As it is written.
        tables: Tables it names, in the order of the text.
        columns: Columns it gives, in order, in lower case.
    """

    text: str
    tables: tuple[TableName, ...]
    columns: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources it reads, each once."""
        return tuple(key for key in self.keys if not key.startswith(f"{GOLD}."))

    @property
    def feature_tables(self) -> tuple[str, ...]:
        """Feature tables it reads, each once."""
        return tuple(key.partition(".")[2] for key in self.keys if key.startswith(f"{GOLD}."))

    @property
    def keys(self) -> tuple[str, ...]:
        """Tables it reads, each once, as they are written."""
        return tuple(dict.fromkeys(each.key for each in self.tables))

    def render(self, tables: Mapping[str, str], tick: str) -> str:
        """Write the statement with other tables and an instant for `:tick`; its braces are doubled for `spark.sql`.

        Args:
            tables: Key of each table -> what stands for it.
            tick: SQL of the instant.

        Returns:
            The text, otherwise as it is written.

        >>> statement = read_statement("select shop, count(*) as n from orders where due_ts > :tick group by shop")
        >>> statement.render({"orders": "{a}"}, "timestamp'2024-01-01'")
        "select shop, count(*) as n from {a} as `orders` where due_ts > timestamp'2024-01-01' group by shop"
        """
        places = [
            (each.start, each.end, tables[each.key] + (f" as `{each.alias}`" if each.alias else ""))
            for each in self.tables
        ]
        places += [(start, end, tick) for start, end in _ticks(self.text)]
        written, position = "", 0
        for start, end, new in sorted(places):
            written += _doubled(self.text[position:start]) + new
            position = end
        return written + _doubled(self.text[position:])


@dataclass(frozen=True)
class NamedColumn:
    """A column as a statement names it.

    Attributes:
        text: As it is written.
        tables: Tables it is read from, for all that is known: each that has it, where it is not qualified.
        options: Columns that could be meant where there is none of that name; None where it exists or is not known.
    """

    text: str
    tables: tuple[str, ...]
    options: tuple[str, ...] | None


@cache
def read_statement(text: str) -> Statement:
    """Read a statement.

    Args:
        text: Spark SQL.

    Returns:
        What it reads and gives.

    Raises:
        ValueError: If it does not parse, is not one SELECT, or cannot be repeated: `problem; remedy`.

    >>> statement = read_statement("with o as (select * from orders) select shop, max(w.wind) as wind "
    ...                            "from o join gold.weather w using (shop) group by shop")
    >>> statement.sources, statement.feature_tables, statement.columns
    (('orders',), ('weather',), ('shop', 'wind'))
    >>> read_statement("select shop, rand() as luck from orders")
    Traceback (most recent call last):
    ValueError: it holds RAND(), which differs from run to run; use columns of the tables, or :tick for the instant
    """
    tree = _parse(text)
    problem = next(filter(None, map(_problem, tree.walk(bfs=False))), None)
    if problem is not None:
        raise ValueError(problem)
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    named = [table for table in tree.find_all(exp.Table) if not _is_named_by_with(table)]
    shadowed = next((each.name for each in named if not each.db and each.name.lower() in own), None)
    if shadowed is not None:
        raise ValueError(f"it reads {shadowed}, and names a query of WITH so, too; rename that query")
    tables = [_table_name(table) for table in named]
    if not tables:
        raise ValueError("it reads no table; name a source, or a feature table as gold.<name>")
    columns = [each.alias_or_name.lower() for each in tree.selects]
    if any(isinstance(each, exp.Star) or each.is_star for each in tree.selects):
        raise ValueError("it gives *, so that its columns are not told; write out the entity and the features")
    nameless = next((each for each in tree.selects if not each.alias_or_name), None)
    if nameless is not None:
        raise ValueError(f"it gives {_sql(nameless)} without a name; write `as <feature>` behind it")
    return Statement(text, tuple(sorted(tables, key=lambda each: each.start)), tuple(columns))


def columns_named(statement: Statement, known: Mapping[str, tuple[str, ...]]) -> tuple[NamedColumn, ...]:
    """Find the columns a statement names, and those that no table can have.

    Args:
        statement: The statement.
        known: Key of each table -> its columns in lower case; a table that is absent is not known.

    Returns:
        Each column once; a star stands for all columns of its tables.

    >>> statement = read_statement("select shop, avg(dealy) as delay from orders group by shop")
    >>> [(each.text, each.tables) for each in columns_named(statement, {"orders": ("shop", "delay")})]
    [('shop', ('orders',)), ('dealy', ())]
    """
    found: dict[str, NamedColumn] = {}
    tree = _parse(statement.text)
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for scope in traverse_scope(tree):
        for each in _columns_of(scope, own, known):
            earlier = found.get(each.text)
            tables = each.tables + (earlier.tables if earlier is not None else ())
            options = each.options if each.options is not None or earlier is None else earlier.options
            found[each.text] = NamedColumn(each.text, tuple(dict.fromkeys(tables)), options)
    return tuple(found.values())


def _parse(text: str) -> exp.Select:
    try:
        trees = sqlglot.parse(text, dialect="spark")
    except SqlglotError as error:
        raise ValueError(syntax_problem(error)) from None
    if len(trees) == 1 and isinstance(trees[0], exp.Select):
        return trees[0]
    kind = (
        "several statements" if len(trees) > 1 else type(trees[0]).__name__.upper() if trees and trees[0] else "nothing"
    )
    raise ValueError(f"it is {kind}, not one SELECT; write one SELECT, without a semicolon")


def _problem(node: exp.Expr) -> str | None:
    if isinstance(node, exp.TableSample):
        return "it samples rows, which differ from run to run; remove TABLESAMPLE"
    if isinstance(node, exp.Limit) and node.parent is not None and node.parent.args.get("order") is None:
        return "it limits rows without an order, so that they differ from run to run; add ORDER BY, or remove LIMIT"
    if isinstance(node, exp.Func) and is_reaching(node):
        return f"it calls {_sql(node)}, which reaches beyond the tables; use columns of the tables"
    if isinstance(node, exp.Func) and is_unrepeatable(node):
        remedy = f"use columns of the tables, or :{TICK} for the instant"
        return f"it holds {_sql(node)}, which differs from run to run; {remedy}"
    if isinstance(node, exp.First | exp.Last | exp.FirstValue | exp.LastValue | exp.AnyValue) and not _is_ordered(node):
        return f"it holds {_sql(node)}, which depends on the order of reading; use max_by or min_by"
    if isinstance(node, exp.Parameter) or (isinstance(node, exp.Placeholder) and node.name != TICK):
        return f"it holds the parameter {_sql(node)}; write :{TICK}, the only one there is"
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        return f"it reads {_sql(node)}, which is no table; name sources, and feature tables as gold.<name>"
    return None


def _is_named_by_with(table: exp.Table) -> bool:
    """Tell whether a name stands for a query of WITH at its place: of an enclosing WITH, or one before in the same."""
    name, node = table.name.lower(), cast(exp.Expr, table)
    while not table.db and node.parent is not None:
        child, node = node, node.parent
        given = node.args.get("with_") or node.args.get("with")
        visible: list[exp.Expr] = list(given.expressions) if given is not None and given is not child else []
        if isinstance(node, exp.With):
            before = next(number for number, each in enumerate(node.expressions) if each is child)
            visible = node.expressions if node.args.get("recursive") else node.expressions[:before]
        if any(each.alias.lower() == name for each in visible):
            return True
    return False


def _is_ordered(node: exp.Expr) -> bool:
    window = node.parent
    while isinstance(window, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
        window = window.parent
    return isinstance(window, exp.Window) and window.args.get("order") is not None


def _table_name(table: exp.Table) -> TableName:
    first = table.args.get("catalog") or table.args.get("db") or table.this
    key = ".".join(part.name for part in table.parts).lower()
    alias = "" if table.alias else table.name
    return TableName(key, first.meta["start"], table.this.meta["end"] + 1, alias)


def _ticks(text: str) -> Iterator[tuple[int, int]]:
    for before, token in pairwise(Spark().tokenize(text)):
        if text[before.start : token.end + 1] == f":{TICK}":  # a text in quotes begins at its quote
            yield before.start, token.end + 1


def _columns_of(scope: Scope, own: set[str], known: Mapping[str, tuple[str, ...]]) -> Iterator[NamedColumn]:
    """List the columns a scope names; what an enclosing query has may be meant, too."""
    visible: dict[str, tuple[str, tuple[str, ...] | None]] = {}
    aliases: set[str] = set()
    is_known = True
    around: Scope | None = scope
    while around is not None:
        is_known &= not around.is_udtf and not around.expression.find(exp.Lambda, exp.Lateral, exp.Unnest, exp.Pivot)
        for name, (_, source) in around.selected_sources.items():
            visible.setdefault(name.lower(), _source_of(source, own, known))
        aliases |= {each.alias_or_name.lower() for each in getattr(around.expression, "selects", ())}
        above = around.parent
        is_part = above is not None and isinstance(above.expression, exp.SetOperation)
        around = above if around.is_subquery or is_part else None
    everything = tuple(dict.fromkeys(name for _, columns in visible.values() for name in columns or ()))
    is_known &= all(columns is not None for _, columns in visible.values())
    for star in scope.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            for key, columns in visible.values():
                yield from (NamedColumn(name, (key,), None) for name in columns or () if key)
    for name in _joined_by(scope, [columns or () for _, columns in visible.values()]):
        keys = tuple(key for key, columns in visible.values() if key and name in (columns or ()))
        yield NamedColumn(name, keys, everything if is_known and name not in everything else None)
    for column in scope.columns:
        name, qualifier = column.name.lower(), column.table.lower()
        if isinstance(column.this, exp.Star):
            continue
        if qualifier and qualifier in visible:
            key, columns = visible[qualifier]
            options = columns if columns is not None and name not in columns else None
            yield NamedColumn(f"{qualifier}.{name}", (key,) if key and options is None else (), options)
            continue
        word = qualifier or name  # what stands before a dot may be a column of fields
        keys = tuple(key for key, columns in visible.values() if key and word in (columns or ()))
        is_absent = is_known and word not in everything and word not in aliases
        text = f"{qualifier}.{name}" if qualifier and is_absent else word
        yield NamedColumn(text, keys, everything if is_absent else None)


def _joined_by(scope: Scope, tables: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """List the columns that joins name without a table: those of USING, and of NATURAL all that tables share."""
    for join in scope.expression.args.get("joins") or ():
        yield from (each.name.lower() for each in join.args.get("using") or ())
        if join.args.get("method") == "NATURAL":
            counted = Counter(name for columns in tables for name in columns)
            yield from (name for name, count in counted.items() if count > 1)


def _source_of(
    source: exp.Expr | Scope, own: set[str], known: Mapping[str, tuple[str, ...]]
) -> tuple[str, tuple[str, ...] | None]:
    """Give the key of a table, empty for a query, and its columns where they are known."""
    if isinstance(source, exp.Table):
        key = ".".join(part.name for part in source.parts).lower()
        return ("", None) if not source.db and key in own else (key, known.get(key))
    if isinstance(source, Scope) and isinstance(source.expression, exp.Query):
        selects = source.expression.selects
        if all(not each.is_star and each.alias_or_name for each in selects):
            return "", tuple(each.alias_or_name.lower() for each in selects)
    return "", None


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _sql(node: exp.Expr) -> str:
    return node.sql(dialect="spark")[:60]
