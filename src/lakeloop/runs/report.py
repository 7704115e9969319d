"""The report: what the ledgers and monitoring tables hold as of an instant, as one page in the workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.config.model import Model, Task
from lakeloop.reporting.assemble import assemble_model, assemble_sources, assemble_times, find_failures
from lakeloop.reporting.content import Place, Report
from lakeloop.reporting.page import render_report
from lakeloop.reporting.recorded import MAX_TURNS, MAX_WINDOWS, AboutModel, Recorded, Row
from lakeloop.runs.context import Context
from lakeloop.runs.flags import read_open_flags
from lakeloop.schemas import TableSchema
from lakeloop.statuses import FlagEvent

FILE = "report.html"
_COUNTS = ("files", "rows_read", "rows_accepted", "rows_quarantined", "rows_duplicate", "rows_superseded")
_REFUSED = "REFUSED"
_MAX_REFUSED_FILES = 1000


def write_report(context: Context) -> Path:
    """Write the report as of the logical now.

    Args:
        context: Project, lake and logical now.

    Returns:
        `<workspace>/report.html`; an earlier one is replaced in one step.
    """
    context.progress("report")
    page = render_report(make_report(context))
    path = context.config.workspace / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{FILE}.{os.getpid()}.part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    return path


def make_report(context: Context) -> Report:
    """Read what was recorded and assemble what is shown.

    Args:
        context: Project, lake and logical now.

    Returns:
        The report; a table that does not exist yet is an empty part of it.
    """
    config, recorded = context.config, read_recorded(context)
    models = tuple(assemble_model(_about(model), recorded) for model in config.models.values())
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
    )


def _about(model: Model) -> AboutModel:
    loss = "log_loss" if model.task is Task.CLASSIFICATION else "mean_absolute_error"
    return AboutModel(model.model, model.description, loss, model.decide.when.bias)


def read_recorded(context: Context) -> Recorded:
    """Read the rows the report is made from: ledgers, and of what grows with the turns only the last ones.

    Args:
        context: Project, lake and logical now.

    Returns:
        The rows, instants aware in UTC.
    """
    since = _first_of_last_turns(context)

    def recent(table: TableSchema) -> DataFrame:
        rows = context.lake.read_own(table, context.as_of)
        return rows if since is None else rows.where(F.col("as_of") >= F.lit(since))

    batches = context.lake.read_own(schemas.INGESTED_BATCHES, context.as_of).groupBy("source", "as_of")
    refused = context.lake.read_own(schemas.INGESTED_FILES, context.as_of).where(F.col("status") == _REFUSED)
    return Recorded(
        runs=_rows_of(recent(schemas.RUNS)),
        batches=_rows_of(batches.agg(*(F.sum(name).alias(name) for name in _COUNTS))),
        refused_files=_rows_of(refused.orderBy(F.col("as_of").desc(), "file").limit(_MAX_REFUSED_FILES)),
        quality=_rows_of(recent(schemas.QUALITY)),
        predictions=_count_predictions(context, since),
        performance=_rows_of(recent(schemas.PERFORMANCE).where("slice_key is null")),
        drift=_read_last_windows(context),
        raised_flags=_rows_of(recent(schemas.FLAGS).where(F.col("event") == FlagEvent.RAISED.value)),
        open_flags=[row for model in context.config.models for row in _read_open_flags(context, model)],
        decisions=_rows_of(recent(schemas.DECISIONS).drop("policy", "inputs")),
        promotions=_rows_of(context.lake.read_own(schemas.PROMOTIONS, context.as_of)),
        since=since,
    )


def _rows_of(frame: DataFrame) -> list[Row]:
    """Bring few rows to the driver, with aware instants in UTC (a Row would hold naive ones of the machine's zone)."""
    table: Any = frame.toArrow()  # bounded: ledgers, counts, and metrics of the last turns or windows
    return [{name: _in_utc(value) for name, value in row.items()} for row in table.to_pylist()]


def _in_utc(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Mapping):
        return {name: _in_utc(each) for name, each in value.items()}
    return value


def _first_of_last_turns(context: Context) -> datetime | None:
    """Find the first of the last turns; None without any."""
    tables = (schemas.RUNS, schemas.DECISIONS, schemas.PERFORMANCE, schemas.PROMOTIONS, schemas.QUALITY)
    instants = [context.lake.read_own(table, context.as_of).select("as_of") for table in tables]
    union = reduce(DataFrame.unionByName, instants).distinct().orderBy(F.col("as_of").desc()).limit(MAX_TURNS)
    return min((row["as_of"] for row in _rows_of(union)), default=None)


def _count_predictions(context: Context, since: datetime | None) -> list[Row]:
    found: list[Row] = []
    for model in context.config.models:
        address = context.lake.address("predictions", model)
        if not context.lake.exists(address):
            continue
        rows = context.lake.read(address, context.as_of, by="as_of")
        if since is not None:
            rows = rows.where(F.col("as_of") >= F.lit(since))
        counts = rows.groupBy("as_of", "purpose").agg(F.count(F.lit(1)).alias("rows"))
        found += [{**row, "model": model} for row in _rows_of(counts)]
    return found


def _read_last_windows(context: Context) -> list[Row]:
    """Read the drift of each model's last windows; the evidence only of the few rows that are not features."""
    rows = context.lake.read_own(schemas.DRIFT_METRICS, context.as_of).where("slice_key is null")
    ends = rows.groupBy("model").agg(F.sort_array(F.collect_set("window.end"), asc=False).alias("ends"))
    firsts = _rows_of(ends.select("model", F.element_at(F.slice("ends", 1, MAX_WINDOWS), -1).alias("first")))
    if not firsts:
        return []
    wanted = [(F.col("model") == each["model"]) & (F.col("window.end") >= F.lit(each["first"])) for each in firsts]
    evidence = F.when(F.col("kind") != "feature", F.col("evidence"))
    return _rows_of(rows.where(reduce(or_, wanted)).withColumn("evidence", evidence))


def _read_open_flags(context: Context, model: str) -> list[Row]:
    return [
        {
            "kind": flag.kind.value,
            "model": flag.model,
            "model_version": flag.model_version,
            "subject": flag.subject,
            "window_end": flag.window_end,
            "as_of": flag.as_of,
            "evidence": flag.evidence,
        }
        for flag in read_open_flags(context, model)
    ]


def _places(context: Context) -> tuple[Place, ...]:
    config = context.config
    project, workspace = config.project, config.workspace
    tables = f"{project.catalog}.<layer>.<name>" if project.catalog else f"{workspace}/<layer>/<name>"
    tracking = without_password(config.tracking_uri)
    own = sorted(f"{table.layer}.{table.name}" for table in schemas.OWN_TABLES)
    notified = str(workspace / project.notify.file) if project.notify.file else _joined(project.notify.command or ())
    return (
        Place("tables", tables),
        Place("bronze.*, quarantine.*", _joined(config.sources)),
        Place("gold.*", _joined(config.feature_tables)),
        Place("predictions.*, training_sets.*", _joined(config.models)),
        Place("ledgers and monitoring", _joined(own)),
        Place("landed files", str(workspace / "landing")),
        Place("MLflow store", tracking),
        Place("to look into it", f"mlflow ui --backend-store-uri {tracking}"),
        Place("notifications", notified),
        Place("this page", str(workspace / FILE)),
    )


def _joined(names: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(names) or "none declared"


def without_password(uri: str) -> str:
    """Hide what stands before the host of an address, which may be a name and a password.

    Args:
        uri: Address of a tracking store.

    Returns:
        The address as it may be shown.

    >>> without_password("postgresql://me:secret@db/mlflow"), without_password("sqlite:////data/ws/mlflow.db")
    ('postgresql://***@db/mlflow', 'sqlite:////data/ws/mlflow.db')
    """
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=f"***@{parts.netloc.rpartition('@')[2]}"))
