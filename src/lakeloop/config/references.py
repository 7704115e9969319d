"""Checks between files and inside expressions, without Spark: every name and every column exists where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lakeloop.config.expressions import at_items, column_issues, expression_issues
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.model_references import model_issues
from lakeloop.config.named_source import find_source
from lakeloop.config.source import TIME_COLUMNS, Allowed, ColumnType, Expression, NotNull, Range, Rule, Source, Unique
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigIssue

_NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.LONG, ColumnType.DOUBLE})
_MEASURES = _NUMBERS | {ColumnType.BOOLEAN}


def reference_issues(
    config: Config, documents: Mapping[str, LocatedYaml], broken: frozenset[str]
) -> Iterator[ConfigIssue]:
    """Check what the objects of a project say about one another.

    Args:
        config: The objects that are sound in themselves.
        documents: Kind and name, `source:outcomes`, -> file.
        broken: Kind and name of those that are not; what depends on one of them is not judged.

    Yields:
        The mistakes.
    """
    for name, source in config.sources.items():
        yield from _source_issues(documents[f"source:{name}"], source)
    for name, table in config.feature_tables.items():
        yield from _feature_table_issues(documents[f"feature_table:{name}"], table, config, broken)
    for name, model in config.models.items():
        yield from model_issues(documents[f"model:{name}"], model, config, broken)


def _source_issues(document: LocatedYaml, source: Source) -> Iterator[ConfigIssue]:
    of = f"source {source.source}"
    columns = source.all_columns
    for section, names in (("columns", source.columns), ("derive", source.derive)):
        for name in names:
            if name in TIME_COLUMNS:
                allowed = "other names: lakeloop itself writes event_ts and available_ts"
                yield document.issue((section, name), f"the column {name!r}", allowed, "rename it", at_key=True)
    for name in source.derive:
        if name in source.columns:
            got, allowed = f"the column {name!r} a second time", "a name that no landed column has"
            yield document.issue(("derive", name), got, allowed, "rename the derived column", at_key=True)
    yield from column_issues(document, at_items(("key",), source.key), columns, of)
    above = list(source.columns)
    for name, derived in source.derive.items():
        yield from expression_issues(document, ("derive", name, "as"), derived.as_, above, f"{of} above it")
        above.append(name)
    yield from expression_issues(document, ("event_ts",), source.event_ts, columns, of)
    known = [*columns, "event_ts"]
    yield from expression_issues(document, ("available_ts",), source.available_ts, known, of)
    for index, rule in enumerate(source.rules):
        yield from _rule_issues(document, ("rules", index), rule, source)


def _rule_issues(document: LocatedYaml, path: KeyPath, rule: Rule, source: Source) -> Iterator[ConfigIssue]:
    of = f"source {source.source}"
    columns = [*source.all_columns, *TIME_COLUMNS]
    match rule:
        case NotNull() | Unique():
            yield from column_issues(document, at_items((*path, "columns"), rule.columns), columns, of)
        case Range() | Allowed():
            yield from column_issues(document, {(*path, "column"): [rule.column]}, columns, of)
            kind = source.all_columns.get(rule.column)
            if isinstance(rule, Range) and (kind or ColumnType.DOUBLE) not in _NUMBERS:
                got = f"{rule.column}, a column of type {kind}"
                yield document.issue((*path, "column"), got, "a column of numbers", "use a rule: expression")
        case Expression():
            yield from expression_issues(document, (*path, "that"), rule.that, columns, of)


def _feature_table_issues(
    document: LocatedYaml, table: FeatureTable, config: Config, broken: frozenset[str]
) -> Iterator[ConfigIssue]:
    source, issues = find_source(document, ("from",), table.from_, config, broken)
    yield from issues
    for name in table.feature_names:
        if name in (*table.entity, *TIME_COLUMNS):
            got, allowed = f"the feature {name!r}", "names other than the entity's columns, event_ts and available_ts"
            yield document.issue(("attributes", name), got, allowed, "rename it", at_key=True)
    if source is None:
        return
    of = f"source {source.source}"
    columns = source.all_columns
    yield from column_issues(document, at_items(("entity",), table.entity), columns, of)
    for index, aggregate in enumerate(table.aggregate):
        path: KeyPath = ("aggregate", index, "of")
        yield from column_issues(document, {path: [aggregate.of]}, columns, of)
        kind = columns.get(aggregate.of)
        if kind is not None and kind not in _MEASURES:
            got = f"{aggregate.of}, a column of type {kind}"
            yield document.issue(path, got, "a column of numbers or booleans", f"derive a number from it in {of}")
    for name, attribute in table.attributes.items():
        known = [*columns, *TIME_COLUMNS]
        yield from expression_issues(document, ("attributes", name, "as"), attribute.as_, known, of)
