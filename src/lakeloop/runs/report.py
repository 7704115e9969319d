"""The report: what the ledgers and monitoring tables hold as of an instant, as one page in the workspace."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.conditions import Condition
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.tree import Config
from lakeloop.decisions.flags import Flag, FlagEntry, open_flags
from lakeloop.discovery.catalogue import build_catalogue
from lakeloop.discovery.private import private_columns
from lakeloop.reporting.assemble import assemble_model, assemble_sources, assemble_times, find_failures
from lakeloop.reporting.catalogue import CataloguePage, render_catalogue
from lakeloop.reporting.channels import assemble_channels
from lakeloop.reporting.content import Place, Report
from lakeloop.reporting.drift import FEATURE
from lakeloop.reporting.page import render_report
from lakeloop.reporting.quality import assemble_quality
from lakeloop.reporting.recorded import MAX_TURNS, AboutModel, Recorded, Row, keep_last_attempts
from lakeloop.reporting.twin import render_twin
from lakeloop.runs.context import Context
from lakeloop.runs.feature_facts import read_facts
from lakeloop.runs.report_documents import VersionFacts, read_version_facts
from lakeloop.runs.report_rows import last_audits, last_slices, last_windows, most_moved, not_carried, rows_of
from lakeloop.schemas import TableSchema
from lakeloop.statuses import FlagEvent, FlagKind, Verdict

FILE = "report.html"
TWIN_FILE = "report.json"
FEATURES_FILE = "features.html"
_COUNTS = ("files", "rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded")
_REFUSED = "REFUSED"
_MAX_REFUSED_FILES = 1000
_WHOLE_OR_SCORE = f"slice_key is null or slice_key = '{schemas.SCORE_SLICE}'"


def write_report(context: Context) -> Path:
    """Write the report as of the logical now, its twin for programs, and the catalogue of features beside it.

    Args:
        context: Project, lake and logical now.

    Returns:
        `<workspace>/report.html`; an earlier one is replaced in one step. The twin is `report.json`, the catalogue
        `features.html`.

    >>> page = write_report(fresh)
    >>> page.name, "<html" in page.read_text(encoding="utf-8"), page.with_name("features.html").exists()
    ('report.html', True, True)
    >>> page.with_name("report.json").read_text(encoding="utf-8").splitlines()[1]
    ' "lakeloop_report": 1,'
    """
    context.progress("report")
    report = make_report(context)
    workspace = context.config.workspace
    _replace(workspace / FEATURES_FILE, render_catalogue(make_catalogue(context)))
    _replace(workspace / TWIN_FILE, render_twin(report))
    return _replace(workspace / FILE, render_report(report))


def _replace(path: Path, page: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    return path


def make_catalogue(context: Context) -> CataloguePage:
    """Put together what is declared of every feature and what its table says.

    Args:
        context: Project, lake and logical now.

    Returns:
        The page; of a table that was not built by then only what is declared.

    >>> page = make_catalogue(fresh)
    >>> [each.table for each in page.catalogue.tables], page.facts["shop_last"].rows
    (['shop_delays', 'shop_last'], 0)
    """
    project = context.config.project
    found = build_catalogue(context.config)
    return CataloguePage(project.project, project.timezone, context.as_of, found, read_facts(context), FILE)


def make_report(context: Context) -> Report:
    """Read what was recorded and assemble what is shown.

    Args:
        context: Project, lake and logical now.

    Returns:
        The report; a table that does not exist yet is an empty part of it.

    >>> report = make_report(fresh)
    >>> report.project, report.models, report.idle_models  # no turn was done there
    ('shops', (), ('late',))
    """
    config, recorded = context.config, read_recorded(context)
    facts = read_version_facts(context, recorded)
    about = [_about(config, model, facts.get(model.model, VersionFacts())) for model in config.models.values()]
    models = tuple(assemble_model(each, recorded) for each in about)
    return Report(
        project=config.project.project,
        description=config.project.description,
        timezone=config.project.timezone,
        as_of=context.as_of,
        models=tuple(model for model in models if model.turns),
        sources=assemble_sources(config.sources, recorded),
        failed_steps=find_failures(recorded),
        times=assemble_times(recorded),
        places=_places(context),
        idle_models=tuple(model.model for model in models if not model.turns),
        quality=assemble_quality(config.sources, recorded),
        features_page=FEATURES_FILE,
        channels=assemble_channels(recorded.notifications),
    )


def _about(config: Config, model: Model, facts: VersionFacts) -> AboutModel:
    hidden = private_columns(config, model)
    return AboutModel(
        model=model.model,
        description=model.description,
        loss_name="mean_absolute_error" if model.task is Task.REGRESSION else "log_loss",
        bias_limit=model.decide.when.bias,
        label=model.label.wording,
        hidden=hidden | _private_slicings(model, hidden),
        classes=model.label.classes,
        importances=facts.importances,
        bins=facts.bins,
    )


def _private_slicings(model: Model, hidden: frozenset[str]) -> frozenset[str]:
    """Find the monitor's slicings that part the rows by what says something of a person."""
    return frozenset(
        name
        for name, by in model.monitor.slices.items()
        if hidden.intersection((by.column or name,) if by.condition is None else Condition(by.condition).columns)
    )


def read_recorded(context: Context) -> Recorded:
    """Read the rows the report is made from: ledgers, and of what grows with the turns only the last ones.

    Args:
        context: Project, lake and logical now.

    Returns:
        The rows, instants aware in UTC.

    >>> recorded = read_recorded(fresh)
    >>> recorded.decisions, recorded.since
    ([], None)
    """

    def known(table: TableSchema) -> DataFrame:
        return context.lake.read_own(table, context.as_of)

    decisions = keep_last_attempts(rows_of(known(schemas.DECISIONS)), "model")
    promotions = rows_of(known(schemas.PROMOTIONS))
    counts = [F.sum(name).alias(name) for name in _COUNTS]
    batches = rows_of(known(schemas.INGESTED_BATCHES).groupBy("source", "as_of").agg(*counts))
    turns = sorted({row["as_of"] for rows in (decisions, promotions, batches) for row in rows}, reverse=True)
    since = turns[:MAX_TURNS][-1] if turns else None

    def recent(rows: DataFrame) -> DataFrame:
        return rows if since is None else rows.where(F.col("as_of") >= F.lit(since))

    refused = known(schemas.INGESTED_FILES).where(F.col("status") == _REFUSED)
    flags = rows_of(known(schemas.FLAGS))
    return Recorded(
        runs=rows_of(recent(known(schemas.RUNS))),
        batches=batches,
        refused_files=rows_of(refused.orderBy(F.col("as_of").desc(), "file").limit(_MAX_REFUSED_FILES)),
        quality=keep_last_attempts(rows_of(recent(known(schemas.QUALITY))), "source"),
        reasons=_count_reasons(context, batches, recent),
        predictions=[row for model in context.config.models for row in _count_predictions(context, model, recent)],
        performance=rows_of(recent(known(schemas.PERFORMANCE)).where(_WHOLE_OR_SCORE)),
        drift_counts=rows_of(_count_drifts(recent(known(schemas.DRIFT_METRICS)))),
        drift=rows_of(last_windows(known(schemas.DRIFT_METRICS))),
        raised_flags=[row for row in flags if row["event"] == FlagEvent.RAISED],
        open_flags=_find_open(flags),
        decisions=decisions,
        promotions=promotions,
        consistency=rows_of(last_audits(known(schemas.CONSISTENCY))),
        slices=rows_of(last_slices(recent(known(schemas.PERFORMANCE)))),
        slice_drift=rows_of(most_moved(recent(known(schemas.DRIFT_METRICS)))),
        estimates=rows_of(recent(known(schemas.ESTIMATED_PERFORMANCE))),
        notifications=rows_of(not_carried(recent(known(schemas.NOTIFICATIONS)))),
        since=since,
    )


def _count_predictions(context: Context, model: str, recent: Callable[[DataFrame], DataFrame]) -> list[Row]:
    address = context.lake.address("predictions", model)
    if not context.lake.exists(address):
        return []
    rows = recent(context.lake.read(address, context.as_of, by="as_of"))
    counts = rows.groupBy("as_of", "purpose").agg(F.count(F.lit(1)).alias("rows"))
    return [{**row, "model": model} for row in rows_of(counts)]


def _count_reasons(context: Context, batches: Sequence[Row], recent: Callable[[DataFrame], DataFrame]) -> list[Row]:
    """Count quarantined rows by source, turn and broken rule; only sources that have some are read."""
    found = None
    for source in sorted({row["source"] for row in batches if row["rows_quarantined"]}):
        address = context.lake.address("quarantine", source)
        if not context.lake.exists(address):
            continue
        rows = recent(context.lake.read(address, context.as_of, by="as_of"))
        broken = rows.select(F.lit(source).alias("source"), "as_of", F.explode("_reasons").alias("reason"))
        found = broken if found is None else found.unionByName(broken)
    if found is None:
        return []
    keys = ("source", "as_of", "reason.rule", "reason.column")
    return rows_of(found.groupBy(*keys).agg(F.count(F.lit(1)).alias("rows")))  # bounded: rules x turns


def _count_drifts(metrics: DataFrame) -> DataFrame:
    """Count, per model, turn and version, the features that were compared, drifted and could not be judged."""

    def columns(verdict: Verdict | None) -> Column:
        name = F.col("column_name")
        return F.countDistinct(name if verdict is None else F.when(F.col("verdict") == verdict.value, name))

    features = metrics.where(F.col("slice_key").isNull() & (F.col("kind") == FEATURE))
    return features.groupBy("model", "as_of", "model_version").agg(
        columns(None).alias("columns"),
        columns(Verdict.DRIFT).alias("drifted"),
        columns(Verdict.UNKNOWN).alias("unjudged"),
    )


def _find_open(rows: Sequence[Row]) -> list[Row]:
    """Find the rows that raised the flags which are still open."""
    entries = []
    raised = {}
    for row in rows:
        flag = Flag(
            FlagKind(row["kind"]),
            row["model"],
            row["model_version"],
            row["subject"],
            row["window_end"],  # where the window starts is no part of the flag's identity
            row["window_end"],
            row["as_of"],
        )
        entries.append(FlagEntry(flag, FlagEvent(row["event"]), row["as_of"]))
        if row["event"] == FlagEvent.RAISED:
            raised[flag.flag_id] = row
    return [raised[flag.flag_id] for flag in open_flags(entries)]


def _places(context: Context) -> tuple[Place, ...]:
    config = context.config
    project, workspace = config.project, config.workspace
    tables = f"{project.catalog}.<layer>.<name>" if project.catalog else f"{config.tables}/<layer>/<name>"
    tracking = config.shown_tracking_uri
    landing = [each for each in config.sources.values() if each.landing is not None]
    own = sorted(f"{table.layer}.{table.name}" for table in schemas.OWN_TABLES)
    return (
        Place("tables", tables),
        Place("bronze.*, quarantine.*", _joined(config.sources)),
        Place("gold.*", _joined(config.feature_tables)),
        Place("predictions.*, training_sets.*", _joined(config.models)),
        Place("ledgers and monitoring", _joined(own)),
        Place("landed files", _joined({str(config.landing_path(each)): each for each in landing})),
        Place("MLflow store", tracking),
        Place("to look into it", f"mlflow ui --backend-store-uri {tracking}"),
        Place("notifications", config.shown_notify),
        Place("this page", str(workspace / FILE)),
        Place("the same as JSON", str(workspace / TWIN_FILE)),
        Place("catalogue of features", str(workspace / FEATURES_FILE)),
    )


def _joined(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(names) or "none declared"
