"""Checks of a model against the sources, feature tables and on-demand functions it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lakeloop.aggregates import find_aggregate
from lakeloop.conditions import Condition
from lakeloop.config.columns import FeatureRef, expand_feature, matching_columns
from lakeloop.config.expressions import at_items, column_issues, expression_issues
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.fit_issues import fit_issues
from lakeloop.config.grid import PERIOD_TS
from lakeloop.config.grid_references import MADE, as_grid, grid_issues
from lakeloop.config.key_references import key_issues
from lakeloop.config.label_references import label_issues
from lakeloop.config.label_sense import reach_issues
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.metric import Task
from lakeloop.config.mistakes import closest, listed, rename_remedy
from lakeloop.config.model import Model
from lakeloop.config.model_sense import (
    NUMBERS,
    argument_issues,
    bound_issues,
    date_issues,
    label_type_issues,
    role_issues,
    schedule_issues,
    search_issues,
)
from lakeloop.config.named_source import find_source
from lakeloop.config.predict import PREDICTION_TS
from lakeloop.config.preprocess_issues import kinds_of, preprocess_issues, take_columns
from lakeloop.config.source import TIME_COLUMNS, ColumnType, Source
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigIssue, PluginError
from lakeloop.on_demand.calls import parse_call

_WEIGHT_COLUMN: KeyPath = ("estimator", "weight", "column")

WRITTEN = frozenset(
    {
        *(PREDICTION_TS, "prediction_id", "model_name", "model_version", "purpose", "revision", "score", "as_of"),
        *("training_set_id", "label", "label_status", "label_available_ts", "block_date", "block"),
        "void_reason",
    }
)
"""Columns that lakeloop itself writes beside those of a model, or makes while it monitors them."""

_OF_CLASSES = frozenset({"predicted_class", "class_scores"})
"""What it writes of a multiclass model besides."""


@dataclass(frozen=True)
class _Scope:
    """What a model may name.

    Attributes:
        document: The model's file.
        model: The model.
        spine: Source of its spine; None where that cannot be judged.
        features: Gold features that could be found.
        unjudged: Feature tables whose features are not known, because something about them is already reported.
    """

    document: LocatedYaml
    model: Model
    spine: Source | None
    features: tuple[FeatureRef, ...]
    unjudged: frozenset[str]

    @property
    def model_columns(self) -> tuple[str, ...]:
        features = [feature.column for feature in self.features]
        return tuple(dict.fromkeys([*self.model.predict.known, *self.model.on_demand, *features]))

    def is_unjudged(self, name: str) -> bool:
        """Whether a column or pattern speaks of a table that is not judged."""
        return name.replace(".", "__", 1).partition("__")[0] in self.unjudged

    def remedy(self, name: str, options: Sequence[str]) -> str:
        """Say what to do about a name that is not there."""
        undeclared = _undeclared(name.partition(".")[0], self) or _undeclared(name.partition(".")[2], self)
        return undeclared or rename_remedy(name, options, "remove it, or declare it")


def model_issues(document: LocatedYaml, model: Model, config: Config, broken: frozenset[str]) -> Iterator[ConfigIssue]:
    """Check one model.

    Args:
        document: Its file.
        model: The model.
        config: The objects that are sound in themselves.
        broken: Kind and name of those that are not; what depends on one of them is not judged.

    Yields:
        The mistakes.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text().replace("route_delays.*", "route_delay.*")
    >>> document = parse_yaml(text, "late_arrival.yml")
    >>> model = Model.model_validate(document.data)
    >>> [(each.where, each.remedy) for each in model_issues(document, model, load_config(Path()), frozenset())]
    [('features[3]', "did you mean 'route_delays'?")]
    """
    source, issues = find_source(document, ("predict", "from"), model.predict.from_, config, broken)
    spine = source if source is None or model.predict.every is None else as_grid(source, model.predict)
    yield from issues
    truth, issues = find_source(document, ("label", "from"), model.label.from_, config, broken)
    yield from issues
    if spine is not None:
        yield from _spine_issues(document, model, spine)
    if source is not None:
        yield from grid_issues(document, model, source)
    if truth is not None:
        yield from label_issues(document, model, truth, spine)
        yield from label_type_issues(document, model, truth)
    yield from reach_issues(document, model)
    yield from search_issues(document, model)
    yield from bound_issues(document, model)
    yield from schedule_issues(document, model)
    yield from role_issues(document, model)

    features: dict[FeatureRef, None] = {}
    unjudged: set[str] = set()
    for index, pattern in enumerate(model.features):
        found = expand_feature(pattern, config.feature_tables)
        features.update(dict.fromkeys(found))
        table = pattern.partition(".")[0]
        if not found:
            unjudged |= {table, closest(table, config.feature_tables) or table}
            if f"feature_table:{table}" not in broken:
                scope = _Scope(document, model, spine, (), frozenset())
                yield _unknown_feature(scope, ("features", index), pattern, config, broken)
        elif spine is not None:
            yield from _entity_issues(document, ("features", index), config, table, spine)
    scope = _Scope(document, model, spine, tuple(features), frozenset(unjudged))
    types = _column_types(scope, config)
    yield from _on_demand_issues(scope, types)
    yield from _pattern_issues(scope, types)
    yield from date_issues(document, model, types)
    yield from preprocess_issues(document, model, scope.model_columns, types)
    yield from fit_issues(document, model)
    yield from _weight_issues(scope, types)


def _written(model: Model) -> frozenset[str]:
    return WRITTEN | _OF_CLASSES if model.task is Task.MULTICLASS else WRITTEN


def _spine_issues(document: LocatedYaml, model: Model, spine: Source) -> Iterator[ConfigIssue]:
    of = f"source {spine.source}"
    columns = spine.all_columns
    yield from _id_issues(document, model, columns, of)
    landed = [name for name in columns if name != PERIOD_TS or model.predict.every is None]
    yield from column_issues(document, at_items(("predict", "known"), model.predict.known), landed, of)
    known = [*columns, *TIME_COLUMNS]
    yield from expression_issues(document, ("predict", "at"), model.predict.at, known, of)
    yield from key_issues(document, model, spine)
    named = at_items(("predict", "id"), model.predict.id) | at_items(("predict", "known"), model.predict.known)
    written = _written(model)
    for path, (name,) in named.items():
        if name in written and name != PREDICTION_TS:
            allowed = f"names other than those that lakeloop writes: {listed(sorted(written))}"
            yield document.issue(path, f"the column {name!r}", allowed, f"derive it in {of} under another name")
    if PREDICTION_TS in columns:
        allowed = f"a source without a column of this name: lakeloop itself writes {PREDICTION_TS}"
        yield document.issue(("predict", "from"), f"{of} with {PREDICTION_TS}", allowed, "rename its column")
    closing = model.label.closes.of
    path = ("label", "closes", "of")
    if model.predict.every is not None:
        columns, of = dict.fromkeys(MADE, ColumnType.TIMESTAMP), "a grid"
    columns = {**columns, PREDICTION_TS: ColumnType.TIMESTAMP}
    yield from column_issues(document, {path: [closing]}, columns, of)
    kind = columns.get(closing)
    if kind is not None and kind is not ColumnType.TIMESTAMP:
        options = [name for name, other in columns.items() if other is ColumnType.TIMESTAMP]
        allowed = f"a column of type timestamp: {listed(options)}"
        remedy = rename_remedy(closing, options, f"derive an instant from it in {of}")
        yield document.issue(path, f"{closing}, a column of type {kind}", allowed, remedy)


def _id_issues(
    document: LocatedYaml, model: Model, columns: Mapping[str, ColumnType], of: str
) -> Iterator[ConfigIssue]:
    for issue in column_issues(document, at_items(("predict", "id"), model.predict.id), columns, of):
        is_period = issue.got == f"the column {PERIOD_TS!r}"
        remedy = "write every: the length of a period, for a grid; or identify rows without it"
        yield replace(issue, remedy=remedy) if is_period else issue


def _unknown_feature(scope: _Scope, path: KeyPath, pattern: str, config: Config, broken: frozenset[str]) -> ConfigIssue:
    table, dot, _ = pattern.partition(".")
    got = f"the feature {pattern!r}"
    if dot and table in config.feature_tables:
        options = [f"{table}.{name}" for name in config.feature_tables[table].feature_names]
        return scope.document.issue(path, got, listed(options), rename_remedy(pattern, options, "correct the name"))
    tables = sorted({*config.feature_tables, *(k.partition(":")[2] for k in broken if k.startswith("feature_table:"))})
    allowed = f"<feature_table>.<feature> or <feature_table>.*, of {listed(tables)}"
    if not dot and pattern in scope.model.predict.known:
        return scope.document.issue(path, got, allowed, "remove it: a known column is a model column already")
    undeclared = _undeclared(pattern.rpartition(".")[2], scope)
    remedy = undeclared or rename_remedy(table, tables, f"declare it in conf/base/features/{table}.yml")
    return scope.document.issue(path, got, allowed, remedy)


def _undeclared(name: str, scope: _Scope) -> str | None:
    """Explain a column of the spine's source that is not declared known; None for any other name."""
    if scope.spine is None or name not in scope.spine.all_columns:
        return None
    if name in (*scope.model.predict.known, *scope.model.predict.id):
        return None
    return (
        f"{name} is a column of source {scope.spine.source} that is not declared known at prediction_ts: "
        "add it to predict.known only if its value is known by then"
    )


def _entity_issues(
    document: LocatedYaml, path: KeyPath, config: Config, table: str, spine: Source
) -> Iterator[ConfigIssue]:
    """Check that the spine has the keys by which a feature table is looked up."""
    declared = config.feature_tables[table]
    source = config.sources.get(declared.from_) if declared.from_ is not None else None
    for name in declared.entity:
        kind = spine.all_columns.get(name)
        if source is not None and name not in source.all_columns:
            continue  # reported at the feature table
        if kind is None:
            allowed = f"tables whose entity is in source {spine.source}: {listed(spine.all_columns)}"
            remedy = f"derive {name} in source {spine.source}, or leave the table out"
            yield document.issue(path, f"{table}, whose entity has the column {name!r}", allowed, remedy)
        elif source is not None and source.all_columns.get(name, kind) is not kind:
            got = f"{name}, of type {kind} in source {spine.source} and {source.all_columns[name]} in {source.source}"
            yield document.issue(path, got, "one type in both", "declare it alike in both sources")


def _column_types(scope: _Scope, config: Config) -> dict[str, ColumnType]:
    """Find the types of the columns of the spine and of the model, where the configuration knows them."""
    types = dict(scope.spine.all_columns) if scope.spine is not None else {}
    types |= {PREDICTION_TS: ColumnType.TIMESTAMP} | dict.fromkeys(scope.model.on_demand, ColumnType.DOUBLE)
    for feature in scope.features:
        table = config.feature_tables[feature.table]
        source = config.sources.get(table.from_) if table.from_ is not None else None
        kept = _columns_kept(table).get(feature.feature)
        if feature.feature in table.features:
            types[feature.column] = table.features[feature.feature].type.column_type
        elif feature.feature not in table.attributes and kept is None:
            types[feature.column] = ColumnType.DOUBLE
        elif source is not None and kept in source.all_columns:
            types[feature.column] = source.all_columns[kept]
    return types


def _columns_kept(table: FeatureTable) -> dict[str, str]:
    """Find the features that have the type of a source's column; an attribute's may be any expression."""
    own = {
        each.name: each.aggregate.of
        for each in table.window_features
        if find_aggregate(each.computed_as).gives == "own"
    }
    return {name: attribute.as_ for name, attribute in table.attributes.items()} | {
        name: of for name, of in own.items() if of is not None
    }


def _on_demand_issues(scope: _Scope, types: Mapping[str, ColumnType]) -> Iterator[ConfigIssue]:
    predict = scope.model.predict
    features = [feature.column for feature in scope.features]
    readable = list(dict.fromkeys([*predict.known, *predict.id, PREDICTION_TS, *features]))
    written = _written(scope.model).union(() if predict.every is None else MADE)
    for name, text in scope.model.on_demand.items():
        path: KeyPath = ("on_demand", name)
        if name in written and name not in readable:
            allowed = f"names other than those that lakeloop writes: {listed(sorted(written))}"
            yield scope.document.issue(path, f"the column {name!r}", allowed, "rename it", at_key=True)
        if name in readable:
            allowed = "a name that no known, id or feature column has"
            yield scope.document.issue(path, f"the column {name!r} a second time", allowed, "rename it", at_key=True)
        try:
            call = parse_call(text)
        except PluginError as error:
            got = f"{scope.document.shown_at(path)}: {'; '.join(map(str, error.failures))}"
            yield scope.document.issue(path, got, "a function of a package that can be used", error.remedy)
            continue
        except ValueError as error:
            problem, _, allowed = str(error).partition("; allowed: ")
            allowed, _, hint = allowed.partition("; ")
            got = f"{scope.document.shown_at(path)}: {problem}"
            allowed = allowed or "function(argument, ...) of an on-demand function"
            yield scope.document.issue(path, got, allowed, hint or "write a call of this form")
            continue
        absent = [column for column in call.columns if column not in readable]
        yield from argument_issues(scope.document, path, call, types, absent)
        for column in call.columns:
            if column in scope.model.on_demand and column not in readable:
                got = f"the on-demand column {column!r}" + (", which stands on itself" if column == name else "")
                allowed = f"known columns, id columns, {PREDICTION_TS} and features: {listed(readable)}"
                remedy = "name what it is made of: on-demand columns do not read one another"
                yield scope.document.issue(path, got, allowed, remedy)
            elif column not in readable and not scope.is_unjudged(column):
                allowed = f"known columns, id columns, {PREDICTION_TS} and features: {listed(readable)}"
                remedy = scope.remedy(column, readable)
                yield scope.document.issue(path, f"the column {column!r}", allowed, remedy)


def _pattern_issues(scope: _Scope, types: Mapping[str, ColumnType]) -> Iterator[ConfigIssue]:
    model, columns = scope.model, scope.model_columns
    named: dict[KeyPath, str] = {}
    for index, group in enumerate(model.preprocess):
        named.update({("preprocess", index, "columns", i): pattern for i, pattern in enumerate(group.patterns)})
    for role, patterns in model.monitor.roles.items():
        named.update({("monitor", "roles", str(role), i): pattern for i, pattern in enumerate(patterns)})
    for name, patterns in model.estimator.feature_sets.items():
        named.update({("estimator", "feature_sets", name, i): pattern for i, pattern in enumerate(patterns)})
    for path, pattern in named.items():
        if not matching_columns([pattern], columns) and not scope.is_unjudged(pattern):
            got = f"{pattern!r}, which matches no model column"
            yield scope.document.issue(path, got, f"model columns: {listed(columns)}", scope.remedy(pattern, columns))
    yield from _slice_issues(scope)
    *_, left = take_columns(model, columns, kinds_of(types))
    if left:
        allowed = "a group for every model column"
        remedy = "add them to a group, or add a last group with columns: ['*']"
        yield scope.document.issue(("preprocess",), f"no group for {listed(left)}", allowed, remedy)
    sliceable = list(dict.fromkeys([*columns, *model.predict.id]))
    for index, name in enumerate(model.gate.slices):
        if name not in sliceable and not scope.is_unjudged(name):
            allowed = f"known, id or model columns: {listed(sliceable)}"
            remedy = scope.remedy(name, sliceable)
            is_listed = ("gate", "slices", index) in scope.document.places
            place: KeyPath = ("gate", "slices", index if is_listed else name)
            yield scope.document.issue(place, f"the column {name!r}", allowed, remedy, at_key=not is_listed)


def _slice_issues(scope: _Scope) -> Iterator[ConfigIssue]:
    """Check that the monitor's slices look at model columns: those are what the reference is frozen of."""
    for index, (name, by) in enumerate(scope.model.monitor.slices.items()):
        columns = [by.column or name] if by.condition is None else list(Condition(by.condition).columns)
        is_listed = ("monitor", "slices", index) in scope.document.places
        place: KeyPath = ("monitor", "slices", index if is_listed else name)
        for column in columns:
            if column not in scope.model_columns and not scope.is_unjudged(column):
                allowed = f"model columns: {listed(scope.model_columns)}"
                remedy = scope.remedy(column, scope.model_columns)
                yield scope.document.issue(place, f"the column {column!r}", allowed, remedy)


def _weight_issues(scope: _Scope, types: Mapping[str, ColumnType]) -> Iterator[ConfigIssue]:
    declared = scope.model.estimator.row_weight
    if declared is None or declared.column is None or declared.model_column is None:
        return
    path: KeyPath = ("estimator", "weight") if isinstance(scope.model.estimator.weight, str) else _WEIGHT_COLUMN
    name, kind = declared.model_column, types.get(declared.model_column)
    columns = list(scope.model_columns)
    if name not in columns and not scope.is_unjudged(name):
        allowed = f"model columns: {listed(columns)}"
        remedy = _undeclared(name, scope) or rename_remedy(name, columns, "name a known column, or derive one")
        yield scope.document.issue(path, f"the column {declared.column!r}", allowed, remedy)
    elif kind is not None and kind not in NUMBERS:
        got = f"{declared.column}, a column of type {kind}"
        yield scope.document.issue(path, got, "a number, at least 0", "name another column, or derive a number from it")
