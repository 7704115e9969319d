"""Checks between files and inside expressions, without Spark: every name and every column exists where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lakeloop.aggregates import AGGREGATES, find_aggregate
from lakeloop.config.aggregate import Aggregate
from lakeloop.config.computed_references import statement_issues
from lakeloop.config.derivations import derivation_issues
from lakeloop.config.expressions import at_items, column_issues, expression_issues
from lakeloop.config.feature_function import function_issues
from lakeloop.config.feature_table import FeatureTable, Kind
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed
from lakeloop.config.model_references import model_issues
from lakeloop.config.model_sense import NUMBERS
from lakeloop.config.named_source import find_source
from lakeloop.config.notify_issues import notify_issues
from lakeloop.config.online_store import online_store_issues
from lakeloop.config.plugin_issues import plugin_secret_issues
from lakeloop.config.private_columns import private_source_columns
from lakeloop.config.read import Read
from lakeloop.config.read_issues import read_issues
from lakeloop.config.rules import Rule
from lakeloop.config.rules.column_statistics import ColumnStatistics
from lakeloop.config.rules.table_rule import Reference, TableRule
from lakeloop.config.secrets import secret_issues
from lakeloop.config.section import PII
from lakeloop.config.source import (
    TIME_COLUMNS,
    ColumnType,
    Mode,
    Source,
)
from lakeloop.config.tree import Config
from lakeloop.config.workspace_issues import workspace_issues
from lakeloop.entry_points import PluginGroup
from lakeloop.errors import ConfigIssue

_WRITTEN: Mapping[ColumnType, str] = {
    ColumnType.INTEGER: r"0|-?[1-9]\d*",
    ColumnType.LONG: r"0|-?[1-9]\d*",
    ColumnType.BOOLEAN: "true|false",
    ColumnType.DATE: r"\d{4}-\d\d-\d\d",
}
_MEASURES = NUMBERS | {ColumnType.BOOLEAN}
_OF_ANYTHING = [name for name, each in AGGREGATES.items() if each.takes == "any"]


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

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> config = load_config(Path())
    >>> documents = {key: parse_yaml(Path(file).read_text(), file) for key, file in config.files.items()}
    >>> list(reference_issues(config, documents, frozenset()))
    []
    >>> del config.sources["planes"]
    >>> [(each.where, each.got) for each in reference_issues(config, documents, frozenset())]
    [('from', "the source 'planes'")]
    """
    project = documents.get(f"project:{config.project.project}")
    if project is not None:
        yield from online_store_issues(project)
        yield from notify_issues(project)
        yield from secret_issues(project)
        yield from workspace_issues(project, config.project)
    landings: dict[tuple[str, str], str] = {}
    for name, source in config.sources.items():
        yield from read_issues(documents[f"source:{name}"], source)
        yield from plugin_secret_issues(documents[f"source:{name}"], ("read",), Read, PluginGroup.READERS)
        place = None if source.landing is None else (str(config.landing_path(source)), source.landing.files)
        other = name if place is None else landings.setdefault(place, name)
        if other != name:
            document = documents[f"source:{name}"]
            got = f"{document.shown_at(('landing', 'path'))}, where source {other} lands too"
            allowed = "a folder, or a pattern of names, of its own"
            yield document.issue(("landing", "path"), got, allowed, "give each source files of its own")
        yield from _source_issues(documents[f"source:{name}"], source, config, broken)
    for name, table in config.feature_tables.items():
        yield from _feature_table_issues(documents[f"feature_table:{name}"], table, config, broken)
    for name, model in config.models.items():
        yield from model_issues(documents[f"model:{name}"], model, config, broken)


def _source_issues(
    document: LocatedYaml, source: Source, config: Config, broken: frozenset[str]
) -> Iterator[ConfigIssue]:
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
    yield from derivation_issues(document, source)
    yield from _version_issues(document, source)
    told: set[tuple[str, str]] = set()
    for index, rule in enumerate(source.rules):
        identity = (rule.label, "" if rule.has_name else str(rule.severity))
        if identity in told:
            remedy = "rename it" if rule.has_name else "remove one of the two"
            yield document.issue(("rules", index), f"the rule {identity[0]} a second time", "each rule once", remedy)
        told.add(identity)
        yield from _rule_issues(document, ("rules", index), rule, source)
        if isinstance(rule, TableRule) and rule.reference is not None:
            yield from _reference_issues(document, ("rules", index), rule.reference, source, config, broken)


def _version_issues(document: LocatedYaml, source: Source) -> Iterator[ConfigIssue]:
    """Check how versions of a key are told apart."""
    is_upsert = source.mode is Mode.UPSERT
    if is_upsert and source.order_by is None:
        allowed = "order_by beside it: what grows with the versions of a key"
        yield document.issue(("mode",), "'upsert' alone", allowed, "add `order_by: <column>`, or remove the mode")
    if source.order_by is not None and not is_upsert:
        got, remedy = f"an order of versions with mode {source.mode}", "add `mode: upsert`, or remove it"
        yield document.issue(("order_by",), got, "a source of mode upsert", remedy)
    if source.order_by is not None:
        known = [*source.all_columns, "event_ts"]
        yield from expression_issues(document, ("order_by",), source.order_by, known, f"source {source.source}")
    for index, rule in enumerate(source.rules):
        if is_upsert and rule.unique_columns:
            got, allowed = f"the rule {rule.label} where keys have versions", "rules over one row"
            yield document.issue(("rules", index), got, allowed, "remove it: versions of a key share their values")


def _rule_issues(document: LocatedYaml, path: KeyPath, rule: Rule, source: Source) -> Iterator[ConfigIssue]:
    of = f"source {source.source}"
    types = _types(source)
    columns = list(types)
    for place, names in rule.columns_named().items():
        yield from column_issues(document, {(*path, *place): names}, columns, of)
        for name in names:
            kind, kinds = types.get(name), rule.kinds(place)
            if kind is not None and kinds is not None and kind not in kinds.types:
                got = f"{name}, a column of type {kind}"
                yield document.issue((*path, *place), got, kinds.words, kinds.remedy)
    yield from _privacy_issues(document, path, rule, source)
    for place, (name, text) in rule.texts_compared().items():
        kind = source.all_columns.get(name)
        if kind is not None and kind in _WRITTEN and not re.fullmatch(_WRITTEN[kind], text):
            got = f"{document.shown_at((*path, *place))}, which no {kind} is written as"
            remedy = "write it as Spark does, or remove it"
            yield document.issue((*path, *place), got, f"texts of {kind} values", remedy)
    for place, text in rule.expressions().items():
        yield from expression_issues(document, (*path, *place), text, columns, of)


def _privacy_issues(document: LocatedYaml, path: KeyPath, rule: Rule, source: Source) -> Iterator[ConfigIssue]:
    """Refuse statistics that are the value of one row, where that says something of a person."""
    if not isinstance(rule, ColumnStatistics) or rule.column not in private_source_columns(source):
        return
    for index, name in enumerate(rule.statistics):
        if name in ("min", "max"):
            got = f"{name} of {rule.column}, which says something of a person ({PII})"
            allowed = "mean, stddev and null_share of such a column"
            yield document.issue(
                (*path, "statistics", index), got, allowed, "remove it: it would show a person's value"
            )


def _reference_issues(
    document: LocatedYaml, path: KeyPath, reference: Reference, source: Source, config: Config, broken: frozenset[str]
) -> Iterator[ConfigIssue]:
    """Check that the other source and its columns exist, and that values of one type are compared."""
    other, issues = find_source(document, (*path, "to"), reference.to, config, broken)
    yield from issues
    if other is None:
        return
    types, theirs = _types(source), _types(other)
    for index, (name, referred) in enumerate(zip(reference.columns, reference.references, strict=True)):
        here: KeyPath = (*path, "references", index)
        yield from column_issues(document, {here: [referred]}, list(theirs), f"source {other.source}")
        if name in types and referred in theirs and types[name] is not theirs[referred]:
            got = f"{referred}, a column of type {theirs[referred]}"
            allowed = f"a column of type {types[name]}, as {name} is"
            yield document.issue(here, got, allowed, "name another, or derive a column of that type")


def _types(source: Source) -> dict[str, ColumnType]:
    return source.all_columns | dict.fromkeys(TIME_COLUMNS, ColumnType.TIMESTAMP)


def _feature_table_issues(
    document: LocatedYaml, table: FeatureTable, config: Config, broken: frozenset[str]
) -> Iterator[ConfigIssue]:
    for name in table.feature_names:
        if name in (*table.entity, *TIME_COLUMNS):
            got, allowed = f"the feature {name!r}", "names other than the entity's columns, event_ts and available_ts"
            section = "features" if name in table.features else "attributes"
            yield document.issue((section, name), got, allowed, "rename it", at_key=True)
    yield from statement_issues(document, table, config, broken)
    yield from function_issues(document, table, config.root)
    if table.from_ is None:
        return
    source, issues = find_source(document, ("from",), table.from_, config, broken)
    yield from issues
    if source is None:
        return
    of = f"source {source.source}"
    columns = source.all_columns
    if table.kind in (Kind.WINDOWED, Kind.PYTHON) and source.mode is Mode.UPSERT:
        key, what = ("aggregate", "windows") if table.kind is Kind.WINDOWED else ("python", "a function")
        got, allowed = f"{what} over {of}, whose keys have versions", "attributes, or a source of mode append"
        remedy = "declare attributes: every version would count as an event"
        yield document.issue((key,), got, allowed, remedy, at_key=True)
    yield from column_issues(document, at_items(("entity",), table.entity), columns, of)
    for index, aggregate in enumerate(table.aggregate):
        yield from _aggregate_issues(document, index, aggregate, source)
    for name, attribute in table.attributes.items():
        known = [*columns, *TIME_COLUMNS]
        yield from expression_issues(document, ("attributes", name, "as"), attribute.as_, known, of)


def _aggregate_issues(document: LocatedYaml, index: int, aggregate: Aggregate, source: Source) -> Iterator[ConfigIssue]:
    of, columns = f"source {source.source}", source.all_columns
    path: KeyPath = ("aggregate", index)
    if aggregate.of is not None:
        yield from column_issues(document, {(*path, "of"): [aggregate.of]}, columns, of)
        kind = columns.get(aggregate.of)
        of_numbers = [word for word in aggregate.as_ if find_aggregate(word).takes == "number"]
        if kind is not None and kind not in _MEASURES and of_numbers:
            got = f"{aggregate.of}, a column of type {kind}, for {listed(of_numbers)}"
            remedy = f"derive a number from it in {of}, or take {listed(_OF_ANYTHING)} of it"
            yield document.issue((*path, "of"), got, "a column of numbers or booleans", remedy)
    known = [*columns, *TIME_COLUMNS]
    for key, text in (("rate", aggregate.rate), ("where", aggregate.where)):
        if text is not None:
            yield from expression_issues(document, (*path, key), text, known, of)
