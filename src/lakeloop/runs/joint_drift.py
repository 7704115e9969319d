"""Joint drift of a window: a sample of its rows against a sample of the reference's, told apart by a classifier."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import TimestampType

from lakeloop import schemas
from lakeloop.config.columns import model_columns
from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.drift.daily_profiles import local_days
from lakeloop.drift.domain_classifier import DomainNull, DomainOptions, score_domains, score_null
from lakeloop.runs.context import Context
from lakeloop.runs.engine import choose_engine, held_columns, types_of
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.training_set import training_rows
from lakeloop.runs.windows import MonitorWindow
from lakeloop.statuses import Purpose, Role, Status, Verdict
from lakeloop.tables import TableAddress, read_arrow

JOINT = "(joint)"
"""What `monitoring.drift_metrics` names as the column of joint drift; no column of a model is named so."""

TEST = "domain_classifier"
_DAY = "_day"
_AT = "prediction_ts"
_PARTS = 1_000_000
_OPTIONS = DomainOptions(max_rows=4000, max_stretches=8)
_SAMPLED = 4 * _OPTIONS.max_rows
"""Rows that are read where not all of them fit the budget: the classifier thins each day alike from these."""


def measure_joint_drift(
    context: Context, model: Model, champion: Promotion, windows: Sequence[MonitorWindow]
) -> list[dict[str, Any]]:
    """Tell the rows of windows from those the champion was accepted on, by all columns together.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        champion: The version whose predictions are looked at.
        windows: Windows that were not looked at before.

    Returns:
        One row of `monitoring.drift_metrics` per window: the AUC, beside what is usual between the reference's own
        stretches as its threshold, never judged. None where the model does not ask for it.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> measure_joint_drift(context, context.config.models["late"], read_promotions(context, "late")[0], [])
    []
    """
    if not model.monitor.joint_drift or not windows:
        return []
    types = types_of(context.lake.columns(context.lake.address("training_sets", model.model)))
    # An instant is later in every window: by it alone the classifier would tell any window from the reference.
    instants = {name for name, kind in types.items() if isinstance(kind, TimestampType)}
    columns = [each for each in model_columns(context.config, model) if each not in instants]
    reference = _read_reference(context, model, champion, columns)
    seed = context.config.project.seed
    usual = _recorded_null(context, model, champion.version)
    rows = []
    for window in windows:
        own = _read_window(context, model, champion.version, window, columns)
        found = score_domains(reference, own, columns, _DAY, options=_OPTIONS, seed=seed)
        if usual is None and found.status is Status.OK:
            days = model.monitor.window.days
            usual = score_null(
                reference, columns, _DAY, stretch_blocks=days, window_rows=own.num_rows, options=_OPTIONS, seed=seed
            )
        told = {**asdict(found), "usual": None if usual is None else asdict(usual)}
        rows.append(
            {
                "model": model.model,
                "model_version": champion.version,
                "window": (window.start, window.end),
                "granularity": f"{model.monitor.window.days} days",
                "as_of": context.as_of,
                "drift_type": "BASELINE",
                "column_name": JOINT,
                "kind": "feature",
                "role": Role.REGIME.value,
                "test": TEST,
                "statistic": found.auc,
                "threshold": None if usual is None else usual.bound,
                "count": own.num_rows,
                "status": found.status.value,
                "verdict": (Verdict.UNKNOWN if found.auc is None else Verdict.RECORDED).value,
                "evidence": json.dumps(told, sort_keys=True),
            }
        )
    return rows


def _recorded_null(context: Context, model: Model, version: str) -> DomainNull | None:
    """What is usual for a version is measured once; later windows are held to the same."""
    where: Mapping[str, str | None] = {"model": model.model, "model_version": version, "column_name": JOINT}
    for row in context.lake.own_rows(schemas.DRIFT_METRICS, context.as_of, where):
        usual = json.loads(row["evidence"]).get("usual")
        if usual is not None:
            return DomainNull(Status(usual["status"]), tuple(usual["aucs"]), usual["stretch_blocks"], usual["bound"])
    return None


def _read_reference(context: Context, model: Model, champion: Promotion, columns: Sequence[str]) -> pa.Table:
    """Read the last days of the training set, as many as the reference covers."""
    address = context.lake.address("training_sets", model.model)
    equal = {"training_set_id": champion.training_set_id}
    rows = training_rows(context, address, champion.training_set_id)
    found = _read(context, model, address, columns, rows, equal, None)
    newest: date | None = pc.max(found[_DAY]).as_py()
    if newest is None:
        return found
    first = newest - timedelta(days=model.monitor.reference.days - 1)
    return found.filter(pc.greater_equal(found[_DAY], pa.scalar(first, pa.date32())))


def _read_window(
    context: Context, model: Model, version: str, window: MonitorWindow, columns: Sequence[str]
) -> pa.Table:
    address = context.lake.address("predictions", model.model)
    equal = {"model_version": version, "purpose": Purpose.PRODUCTION.value}
    kind = pa.timestamp("us", "UTC")
    at = pc.field(_AT)
    within = (at >= pa.scalar(window.start, kind)) & (at < pa.scalar(window.end, kind))
    rows = context.lake.read(address, context.as_of, by="as_of")
    for name, value in equal.items():
        rows = rows.where(F.col(name) == value)
    rows = rows.where((F.col(_AT) >= F.lit(window.start)) & (F.col(_AT) < F.lit(window.end)))
    return _read(context, model, address, columns, rows, equal, within)


def _read(
    context: Context,
    model: Model,
    address: TableAddress,
    columns: Sequence[str],
    rows: DataFrame,
    equal: Mapping[str, str],
    where: pc.Expression | None,
) -> pa.Table:
    """Read rows in process where the whole table fits the budget, else a sample of them by Spark."""
    lake = context.lake
    types = types_of(lake.columns(address))
    there = [each for each in columns if each in types]
    whole = sum(commit.rows for commit in lake.commits(address))
    held = held_columns(str(address), whole, types, there, 2)
    if choose_engine(context, f"joint drift of model {model.model}", [held]) is Engine.LOCAL:
        found = read_arrow(lake, address, context.as_of, [_AT, *there], by="as_of", equal=equal, where=where)
    else:
        count = rows.count()
        part = min(_PARTS, -(-_SAMPLED * _PARTS // max(count, 1)))
        drawn = rows.where(F.pmod(F.xxhash64("prediction_id"), F.lit(_PARTS)) < part)
        found = drawn.select(_AT, *there).toArrow()  # bounded: a sample of a fixed number of rows
    days = local_days(found[_AT], model.label.closes.timezone)
    return found.drop_columns([_AT]).append_column(_DAY, days)
