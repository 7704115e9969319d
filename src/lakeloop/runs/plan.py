"""What a run would do, told from the configuration alone: no Spark, no table is looked at."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lakeloop.config.columns import model_columns, resolve_features
from lakeloop.config.durations import short_name
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.model import Model
from lakeloop.config.model_sense import count_combinations
from lakeloop.config.plugin_uses import plugins_used
from lakeloop.config.plugins import PluginSection
from lakeloop.config.predict import Predict
from lakeloop.config.source import Source
from lakeloop.config.split import Split
from lakeloop.config.tree import Config
from lakeloop.config.tuning import Tuner
from lakeloop.config.variables import hide_values
from lakeloop.discovery.text import count_of

STEPS: tuple[tuple[str, str], ...] = (
    ("ingest", "landed files, what sources read -> bronze.*, quarantine.*"),
    ("quality gate", "the turn's bronze rows -> monitoring.quality"),
    ("features", "bronze.* -> gold.*"),
    ("score", "champion of the turn before -> predictions.*"),
    ("monitor", "drift and performance -> monitoring.*, flags"),
    ("decide", "schedule, flags, cooldown -> ops.decisions"),
    ("training-set", "when the decision says so -> training_sets.*"),
    ("train", "candidates, gate -> MLflow, ops.promotions"),
)
"""The steps of a run in their order, with what each reads or writes."""


@dataclass(frozen=True)
class PlannedSource:
    """A feed and the bronze table made of it.

    Attributes:
        source: Its name.
        landing: Folder its files arrive in, absolute; None where no files land.
        key: Columns that identify a row.
        rules: Number of declared row rules.
        trusted_until: Instant up to which the declared availability alone counts, ISO; None without.
        reads: What it reads in place of files; None for files.
    """

    source: str
    landing: str | None
    key: tuple[str, ...]
    rules: int
    trusted_until: str | None
    reads: str | None = None


@dataclass(frozen=True)
class PlannedTable:
    """A gold feature table.

    Attributes:
        feature_table: Its name.
        kind: `windowed`, `attributes`, `sql` or `python`.
        entity: Key columns.
        source: What it is made from: a source, or all that a statement reads.
        every: Tick, `15min`; None for attributes.
        features: Its feature columns.
        used_by: Models that use one of them.
        delay: How much later than it became available an event counts, `2h`; None for at once.
        needs: How far back a statement or a function sees, `28d`; None for other kinds.
    """

    feature_table: str
    kind: str
    entity: tuple[str, ...]
    source: str
    every: str | None
    features: tuple[str, ...]
    used_by: tuple[str, ...]
    delay: str | None = None
    needs: str | None = None


@dataclass(frozen=True)
class PlannedModel:
    """A model and when and how it is trained.

    Attributes:
        model: Its name.
        task: `classification` or `regression`.
        spine: Source whose rows are scored; of a grid with the length of a period.
        label: Source of the truth.
        columns: Columns the fitted preprocessing gets.
        split: The time-ordered split in words.
        estimator: Import path of what is fitted.
        candidates: Number of parameter combinations that are tried.
        metric: Metric the gate compares.
        against: What the challenger is compared with.
        schedule: Age of the last training at which it is trained again, `28d`; None when only flags ask for it.
    """

    model: str
    task: str
    spine: str
    label: str
    columns: tuple[str, ...]
    split: str
    estimator: str
    candidates: int
    metric: str
    against: tuple[str, ...]
    schedule: str | None


@dataclass(frozen=True)
class PlannedPlugin:
    """What a package brings and the project uses.

    Attributes:
        group: Group of entry points: what it is a word for.
        word: The word.
        package: The package.
        version: Its version.
    """

    group: str
    word: str
    package: str
    version: str


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        project: Name of the project.
        env: Environment laid over the base; None for the base alone.
        timezone: IANA zone in which a bare date of `--as-of` is read.
        workspace: Absolute folder of everything the project writes.
        tables: Where the tables are: a folder, or a catalog.
        tracking_uri: MLflow tracking address, without what may be secret in it.
        sources: The feeds.
        feature_tables: The gold tables.
        models: The models.
        steps: The steps of a run in their order.
        plugins: What packages bring of what is declared: group, word, package and version.
    """

    project: str
    env: str | None
    timezone: str
    workspace: str
    tables: str
    tracking_uri: str
    sources: tuple[PlannedSource, ...]
    feature_tables: tuple[PlannedTable, ...]
    models: tuple[PlannedModel, ...]
    steps: tuple[str, ...]
    plugins: tuple[PlannedPlugin, ...] = ()


def make_plan(config: Config) -> Plan:
    """Tell what a run of the project would do.

    Args:
        config: The project; every reference in it is already checked.

    Returns:
        Sources, gold tables and models in the order of their names, and the steps in theirs.

    >>> plan = make_plan(context.config)
    >>> plan.steps
    ('ingest', 'quality gate', 'features', 'score', 'monitor', 'decide', 'training-set', 'train')
    >>> plan.models[0].columns[:3], plan.models[0].split
    (('shop', 'items', 'hour_of_day'), 'train all past | gap 1d | validation 3d | gap 1d | holdout 5d')
    """
    project = config.project
    uses = {
        name: frozenset(feature.table for feature in resolve_features(config, model))
        for name, model in config.models.items()
    }
    catalog = project.catalog
    return Plan(
        project=project.project,
        env=config.env,
        timezone=project.timezone,
        workspace=str(config.workspace),
        tables=f"{config.tables}/<layer>/<name>" if catalog is None else f"{catalog}.<layer>.<name>",
        tracking_uri=config.shown_tracking_uri,
        sources=tuple(_plan_source(config, source) for source in config.sources.values()),
        feature_tables=tuple(
            _plan_table(table, tuple(model for model, used in uses.items() if name in used))
            for name, table in config.feature_tables.items()
        ),
        models=tuple(_plan_model(config, model) for model in config.models.values()),
        steps=tuple(name for name, _ in STEPS),
        plugins=_plan_plugins(config),
    )


def describe_plan(plan: Plan, *, width: int = 80) -> str:
    """Write a plan for a person.

    Args:
        plan: The plan.
        width: Columns to stay within. A path or an address is a line of its own and never wrapped.

    Returns:
        Lines of plain text.

    >>> for line in describe_plan(make_plan(context.config)).splitlines()[-3:]:
    ...     print(line.strip())
    6. decide        schedule, flags, cooldown -> ops.decisions
    7. training-set  when the decision says so -> training_sets.*
    8. train         candidates, gate -> MLflow, ops.promotions
    """
    return "\n".join(line.rstrip() for line in _lines(plan, width))


def _plan_plugins(config: Config) -> tuple[PlannedPlugin, ...]:
    declared = (config.project, *config.sources.values(), *config.feature_tables.values(), *config.models.values())
    used = sorted({plugin for each in declared for plugin in plugins_used(each)})
    return tuple(PlannedPlugin(each.group.value, each.word, each.package, each.version) for each in used)


def _plan_source(config: Config, source: Source) -> PlannedSource:
    trusted = source.history.trusted_until.isoformat() if source.history is not None else None
    landing = None if source.landing is None else str(config.landing_path(source))
    return PlannedSource(source.source, landing, source.key, len(source.rules), trusted, _describe_read(config, source))


def _describe_read(config: Config, source: Source) -> str | None:
    read = source.read
    if read is None:
        return None
    if read.plugin is not None:
        return read.describe(describe_place(read.plugin))
    return read.describe(config.written_read(source).get(read.word, getattr(read, read.word)))


def describe_place(reader: PluginSection) -> str:
    """Say what a package's reader reads, whatever the package does.

    Args:
        reader: What is declared of it.

    Returns:
        What it says, without the values of its secrets.

    >>> describe_place(PluginSection())
    'PluginSection, which does not tell what it reads'
    """
    try:
        place = str(getattr(reader, "place", None) or "")
    except Exception:  # noqa: BLE001 - a package may raise anything; a plan is told all the same
        place = ""
    place = place or f"{type(reader).__name__}, which does not tell what it reads"
    return hide_values(place, dict.fromkeys(reader.secrets, "(hidden)"), pieces=True)


def _plan_table(table: FeatureTable, used_by: tuple[str, ...]) -> PlannedTable:
    return PlannedTable(
        feature_table=table.feature_table,
        kind=table.kind.value,
        entity=table.entity,
        source=", ".join(table.inputs),
        every=short_name(table.every) if table.every is not None else None,
        delay=short_name(table.delay) if table.delay else None,
        needs=short_name(table.needs) if table.needs is not None else None,
        features=table.feature_names,
        used_by=used_by,
    )


def _plan_model(config: Config, model: Model) -> PlannedModel:
    return PlannedModel(
        model=model.model,
        task=model.task.value,
        spine=_describe_spine(model.predict),
        label=model.label.from_,
        columns=model_columns(config, model),
        split=_describe_split(model.split),
        estimator=model.estimator.class_,
        candidates=_count_candidates(model),
        metric=model.gate.metric.value,
        against=model.gate.against,
        schedule=short_name(model.decide.schedule) if model.decide.schedule is not None else None,
    )


def _count_candidates(model: Model) -> int:
    tuning = model.estimator.tuning
    return tuning.most_trials if tuning.by is Tuner.OPTUNA else count_combinations(model.estimator)


def _describe_spine(predict: Predict) -> str:
    return predict.from_ if predict.every is None else f"{predict.from_} every {short_name(predict.every)}"


def _describe_split(split: Split) -> str:
    train = split.train if isinstance(split.train, str) else short_name(split.train)
    gap = short_name(split.gap)
    held = {"validation": split.validation, "calibration": split.calibration, "holdout": split.holdout}
    parts = [f"{name} {short_name(length)}" for name, length in held.items() if length is not None]
    return f" | gap {gap} | ".join([f"train {train}", *parts])


def _describe_columns(model: PlannedModel, tables: Iterable[PlannedTable]) -> str:
    """Name what a model sees; the features of a gold table, listed already, are only counted."""
    names = {table.feature_table for table in tables}
    from_gold = Counter(each.partition("__")[0] for each in model.columns if each.partition("__")[0] in names)
    own = [each for each in model.columns if each.partition("__")[0] not in from_gold]
    parts = own + [f"{count} of {table}" for table, count in from_gold.items()]
    return f"{len(model.columns)} columns: {', '.join(parts)}"


def _lines(plan: Plan, width: int) -> Iterator[str]:
    env = "conf/base" if plan.env is None else f"conf/base and conf/{plan.env}"
    yield f"project {plan.project}: {env}, dates in {plan.timezone}"
    for title, place in (("workspace", plan.workspace), ("tables", plan.tables), ("MLflow", plan.tracking_uri)):
        yield f"{title}"
        yield f"  {place}"
    yield from ("", "sources (bronze.<name>)")
    longest = max((len(source.source) for source in plan.sources), default=0)
    for source in plan.sources:
        facts = f"key {', '.join(source.key)}; {count_of(source.rules, 'rule')}"
        yield from _entry(source.source, longest, facts, width)
        if source.reads is not None:
            yield from _entry("", longest, f"reads {source.reads}", width)
    yield from ("", "feature tables (gold.<name>)")
    for table in plan.feature_tables:
        tick = f"every {table.every}" if table.every is not None else "when an attribute changes"
        tick += f", {table.delay} after it is available" if table.delay is not None else ""
        tick += f", over the last {table.needs}" if table.needs is not None else ""
        used = f"used by {', '.join(table.used_by)}" if table.used_by else "used by no model"
        yield table.feature_table
        facts = f"{table.kind}, {tick}, per {', '.join(table.entity)}, from {table.source}; {used}"
        yield from _wrapped(facts, width)
        yield from _wrapped(f"{count_of(len(table.features), 'feature')}: {', '.join(table.features)}", width)
    yield from ("", "models (predictions.<name>)")
    for model in plan.models:
        yield model.model
        yield from _wrapped(f"{model.task}: spine {model.spine}, label from {model.label}", width)
        yield from _wrapped(_describe_columns(model, plan.feature_tables), width)
        yield from _wrapped(f"split: {model.split}", width)
        tried = f"{model.candidates} candidate{'' if model.candidates == 1 else 's'}"
        yield from _wrapped(f"estimator: {model.estimator}, {tried}", width)
        yield from _wrapped(f"gate: {model.metric} against {', '.join(model.against)}", width)
        again = f"every {model.schedule}, or when a flag asks" if model.schedule is not None else "when a flag asks"
        yield from _wrapped(f"trained again: {again}", width)
    if plan.plugins:
        yield from ("", "plugins")
        longest = max(len(plugin.group) for plugin in plan.plugins)
        for plugin in plan.plugins:
            yield from _entry(plugin.group, longest, f"{plugin.word} of {plugin.package} {plugin.version}", width)
    yield from ("", "a run, in this order")
    meaning = dict(STEPS)
    longest = max((len(step) for step in plan.steps), default=0)
    for number, step in enumerate(plan.steps, start=1):
        yield from _entry(f"{number}. {step}", longest + 3, meaning.get(step, ""), width)


def _entry(name: str, longest: int, text: str, width: int) -> Iterable[str]:
    hang = " " * (longest + 4)
    return _wrap(text, width, f"  {name:<{longest}}  ", hang)


def _wrapped(text: str, width: int) -> Iterable[str]:
    return _wrap(text, width, "  ", "    ")


def _wrap(text: str, width: int, first: str, hang: str) -> Iterable[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
    )
