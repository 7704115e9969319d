"""What a Spark SQL expression of the configuration may be, judged without Spark.

An expression speaks of one row: no query, no aggregate, no window. It reads no clock and draws no random number,
because a job run again must give what it gave before.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.errors import ConfigIssue

ALLOWED = "one Spark SQL expression over the columns of a row"

_NOT_OF_ONE_ROW = (
    exp.Query,
    exp.AggFunc,
    exp.Window,
    exp.Star,
    exp.Placeholder,
    exp.Parameter,
)
_STATEMENTS = (
    *(exp.DDL, exp.DML, exp.Command, exp.Set, exp.Use, exp.Drop, exp.Alter, exp.TruncateTable, exp.Describe, exp.Cache),
    *(exp.Grant, exp.Comment, exp.Analyze, exp.Transaction, exp.Commit, exp.Refresh, exp.LoadData, exp.Tuple),
)
_UNREPEATABLE = frozenset(
    {
        *("now", "curdate", "current_date", "current_time", "current_timestamp", "localtimestamp"),
        *("rand", "randn", "random", "randstr", "uniform", "shuffle", "uuid"),
        *("monotonically_increasing_id", "spark_partition_id", "input_file_name"),
        *("input_file_block_start", "input_file_block_length"),
        *("current_user", "session_user", "user", "current_timezone", "version"),
        *("current_catalog", "current_database", "current_schema"),
    }
)
_REACHING = frozenset(
    {
        *("reflect", "try_reflect", "java_method"),  # any static method of the classpath
        *("secret", "try_secret", "list_secrets", "getvariable", "http_request", "remote_query", "vector_search"),
        *("read_files", "cloud_files_state", "event_log", "call_function", "identifier"),
    }
)
_REACHING_PREFIXES = ("ai_",)
"""Functions of Spark and of Databricks that reach code, secrets, files or services beside the rows."""


def expression_columns(text: str) -> tuple[str, ...]:
    """Find the columns an expression names.

    Args:
        text: Spark SQL. Functions are not judged; Spark knows them.

    Returns:
        Column names as written, without quotes, each once, in the order of the text.

    Raises:
        ValueError: If the text does not parse, is more than an expression over one row, or cannot be repeated.

    >>> expression_columns("coalesce(arrival_ts, departure_ts + interval 6 hours)")
    ('arrival_ts', 'departure_ts')
    >>> expression_columns("sum(delay)")
    Traceback (most recent call last):
    ValueError: it holds SUM(delay), which is more than a value of one row; remove that part
    """
    try:
        trees = sqlglot.parse(text, dialect="spark")
    except SqlglotError as error:
        raise ValueError(syntax_problem(error)) from None
    tree = trees[0] if len(trees) == 1 else None
    if tree is None:
        raise ValueError("it is not exactly one expression; write one, without a semicolon")
    problem = next(filter(None, map(_problem, tree.walk(bfs=False))), None)
    if problem is not None:
        raise ValueError(problem)
    names = dict.fromkeys(".".join(part.name for part in column.parts) for column in tree.find_all(exp.Column))
    return tuple(sorted(names, key=lambda name: _first_use(name, text)))


def expression_issues(
    document: LocatedYaml, path: KeyPath, text: str, columns: Collection[str], of: str
) -> Iterator[ConfigIssue]:
    """Check one expression of a file.

    Args:
        document: The file.
        path: Where the expression stands.
        text: The expression.
        columns: Columns it may name; Spark does not mind upper and lower case.
        of: What these columns are columns of.

    Yields:
        Its mistakes.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("event_ts: arival_ts", "sources/outcomes.yml")
    >>> for issue in expression_issues(document, ("event_ts",), "arival_ts", ["arrival_ts"], "source outcomes"):
    ...     print(issue)
    sources/outcomes.yml:1: event_ts
        got:     the column 'arival_ts'
        allowed: columns of source outcomes: arrival_ts
        remedy:  did you mean 'arrival_ts'?
    """
    try:
        named = expression_columns(text)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        yield document.issue(path, f"{document.shown_at(path)}: {problem}", ALLOWED, remedy)
        return
    yield from column_issues(document, {path: [name.lower() for name in named]}, columns, of)


def column_issues(
    document: LocatedYaml, named: Mapping[KeyPath, Iterable[str]], columns: Collection[str], of: str
) -> Iterator[ConfigIssue]:
    """Check that columns exist.

    Args:
        document: The file.
        named: Path -> columns named there.
        columns: Columns that exist.
        of: What these columns are columns of.

    Yields:
        A mistake per column that does not exist.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("key: [carrier, flihgt]", "sources/outcomes.yml")
    >>> named = at_items(("key",), document.data["key"])
    >>> [(each.where, each.remedy) for each in column_issues(document, named, ["carrier", "flight"], "source outcomes")]
    [('key[1]', "did you mean 'flight'?")]
    """
    for path, names in named.items():
        for name in names:
            if name not in columns:
                got = f"the column {name!r}"
                allowed = f"columns of {of}: {listed(columns)}"
                yield document.issue(path, got, allowed, rename_remedy(name, columns, "declare it, or name another"))


def at_items(path: KeyPath, names: Iterable[str]) -> dict[KeyPath, list[str]]:
    """Give each item of a list its path.

    >>> at_items(("key",), ["carrier", "flight"])
    {('key', 0): ['carrier'], ('key', 1): ['flight']}
    """
    return {(*path, index): [name] for index, name in enumerate(names)}


def _problem(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Alias) and node.parent is None:
        return f"it gives the name {node.alias!r}; write the expression alone, or the missing operator"
    if isinstance(node, _NOT_OF_ONE_ROW) or (node.parent is None and isinstance(node, _STATEMENTS)):
        return f"it holds {_sql(node)}, which is more than a value of one row; remove that part"
    if isinstance(node, exp.Func) and is_reaching(node):
        return f"it calls {_name(node)}, which reaches beyond the row; use a column of the row"
    if isinstance(node, exp.Func) and is_unrepeatable(node):
        return f"it holds {_sql(node)}, which differs from run to run; use a column of the row"
    return None


def is_unrepeatable(node: exp.Func) -> bool:
    """Tell whether a function reads a clock, draws at random, or asks for its surroundings.

    >>> [is_unrepeatable(sqlglot.parse_one(each, dialect="spark")) for each in ("now()", "hour(due_ts)")]
    [True, False]
    """
    if isinstance(node, exp.StrToUnix) and node.this is None:  # unix_timestamp()
        return True
    name = _name(node)
    if isinstance(node, exp.CurrentTimestamp | exp.CurrentDate | exp.Rand | exp.Randn | exp.Uuid):
        return True
    return name.lower() in _UNREPEATABLE


def is_reaching(node: exp.Func) -> bool:
    """Tell whether a function reaches code, secrets, files or services beside the rows.

    >>> [is_reaching(sqlglot.parse_one(each, dialect="spark")) for each in ("reflect('a.B', 'c')", "upper(name)")]
    [True, False]
    """
    name = _name(node).lower().rpartition(".")[2]
    return name in _REACHING or name.startswith(_REACHING_PREFIXES)


def _name(node: exp.Func) -> str:
    return str(node.name if isinstance(node, exp.Anonymous) else node.sql_name())


def _sql(node: exp.Expr) -> str:
    return node.sql(dialect="spark")[:60]


def _first_use(name: str, text: str) -> int:
    match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    return match.start() if match else len(text)


def syntax_problem(error: SqlglotError) -> str:
    """Say near what a text does not parse, and what to do.

    >>> try:
    ...     sqlglot.parse_one("a +", dialect="spark")
    ... except SqlglotError as error:
    ...     syntax_problem(error).partition(" near ")[0]
    'it does not parse'
    """
    for detail in getattr(error, "errors", []):
        near, column = detail.get("highlight"), detail.get("col")
        if near:
            return f"it does not parse near {near!r}, column {column}; mend it, or put a column's name in backticks"
    return "it does not parse; check its quotes and brackets, or put a column's name in backticks"
