"""Checks of a feature table of `sql`: its statement against the sources and feature tables it names."""

from __future__ import annotations

from collections.abc import Iterator

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.config.source import TIME_COLUMNS, Mode
from lakeloop.config.sql_statement import GOLD, Statement, columns_named, read_statement
from lakeloop.config.table_inputs import find_circle
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigIssue

_SQL: KeyPath = ("sql",)
_ALLOWED = "one SELECT over sources and feature tables that gives the same again"


def statement_issues(
    document: LocatedYaml, table: FeatureTable, config: Config, broken: frozenset[str]
) -> Iterator[ConfigIssue]:
    """Check the statement of a feature table.

    Args:
        document: The table's file.
        table: The table; one without a statement has no mistakes here.
        config: The sound objects.
        broken: Kind and name of the others; what depends on one of them is not judged.

    Yields:
        What does not parse or exist, what is not given, and the circle the table stands in.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml('''
    ... feature_table: busy
    ... entity: [origin]
    ... every: 1 day
    ... needs: 7 days
    ... features: {n: {type: long}}
    ... sql: select origin, count(*) as n from wether group by origin
    ... ''', "busy.yml")
    >>> busy = FeatureTable.model_validate(document.data)
    >>> [(each.line, each.remedy) for each in statement_issues(document, busy, load_config(Path()), frozenset())]
    [(7, "did you mean 'weather'?")]
    """
    if table.sql is None:
        return
    try:
        statement = read_statement(table.sql)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        yield document.issue(_SQL, f"a statement: {problem}", _ALLOWED, remedy)
        return
    known = table_columns(config)
    yield from _table_issues(document, statement, config, broken)
    for each in columns_named(statement, known):
        if each.options is not None:
            got = f"the column {each.text!r}"
            allowed = f"columns of {listed(statement.keys)}: {listed(each.options)}"
            remedy = rename_remedy(each.text.rpartition(".")[2], each.options, "declare it, or name another")
            yield document.issue(_SQL, got, allowed, remedy)
    yield from _result_issues(document, table, statement)
    circle = find_circle(config.feature_tables, table.feature_table)
    if circle:
        got = f"a circle: {' -> '.join(circle)}"
        remedy = f"make one of them of sources alone; {table.feature_table} reads {GOLD}.{circle[1]}"
        yield document.issue(_SQL, got, "feature tables that do not stand on themselves", remedy)


def table_columns(config: Config) -> dict[str, tuple[str, ...]]:
    """List the columns of all that a statement may read.

    Args:
        config: The project.

    Returns:
        `<source>` and `gold.<feature table>` -> columns, in lower case.

    >>> table_columns(shops)["gold.shop_last"]
    ('shop', 'last_delay_minutes', 'event_ts', 'available_ts')
    """
    bronze = {name: (*source.all_columns, *TIME_COLUMNS) for name, source in config.sources.items()}
    gold = {
        f"{GOLD}.{name}": (*table.entity, *table.feature_names, *TIME_COLUMNS)
        for name, table in config.feature_tables.items()
    }
    return {key: tuple(each.lower() for each in columns) for key, columns in (bronze | gold).items()}


def _table_issues(
    document: LocatedYaml, statement: Statement, config: Config, broken: frozenset[str]
) -> Iterator[ConfigIssue]:
    unjudged = {key.partition(":")[2] for key in broken if key.startswith("source:")}
    unjudged |= {f"{GOLD}.{key.partition(':')[2]}" for key in broken if key.startswith("feature_table:")}
    options = [*config.sources, *(f"{GOLD}.{name}" for name in config.feature_tables)]
    for key in statement.keys:
        if key not in options and key not in unjudged:
            gold = [each for each in options if each == f"{GOLD}.{key}"]
            remedy = (
                f"did you mean {gold[0]!r}?" if gold else rename_remedy(key, options, "declare it, or name another")
            )
            yield document.issue(_SQL, f"the table {key!r}", f"sources and feature tables: {listed(options)}", remedy)
    for name in statement.sources:
        source = config.sources.get(name)
        if source is not None and source.mode is Mode.UPSERT:
            got = f"source {name}, whose keys have versions"
            remedy = f"declare attributes over {name}, and read that table as {GOLD}.<name>: its newest state counts"
            yield document.issue(_SQL, got, "sources of mode append, and feature tables", remedy)


def _result_issues(document: LocatedYaml, table: FeatureTable, statement: Statement) -> Iterator[ConfigIssue]:
    """Check that the statement gives the entity and the features, each once, and nothing else."""
    wanted = (*table.entity, *table.feature_names)
    given = statement.columns
    where: list[tuple[KeyPath, str]] = [(("entity", index), name) for index, name in enumerate(table.entity)]
    where += [(("features", name), name) for name in table.features]
    spare = [name for name in given if name not in wanted]
    for path, name in where:
        if name not in given:
            got = f"{name}, which the statement does not give"
            remedy = rename_remedy(name, spare, f"add `... as {name}` to its select list")
            yield document.issue(path, got, f"what it gives: {listed(given)}", remedy, at_key=path[0] == "features")
    for name in dict.fromkeys(given):
        if given.count(name) > 1 or name in spare:
            got = f"the column {name!r}{' a second time' if given.count(name) > 1 else ', which is not declared'}"
            remedy = "remove it from the select list" + (", or declare it under features" if name in spare else "")
            yield document.issue(_SQL, got, f"the entity and the features: {listed(wanted)}", remedy)
