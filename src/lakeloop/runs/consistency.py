"""The audit of what was served: a sample of answers, computed again from the offline tables as of their instants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.arrow_frame import frame_of
from lakeloop.config.columns import input_columns, resolve_features
from lakeloop.config.model import Model
from lakeloop.drift.consistency import Consistency, compare_served
from lakeloop.errors import Failure, SkewError
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.point_in_time.lookup import STATUS_SUFFIX
from lakeloop.runs.context import Context
from lakeloop.runs.model_inputs import add_model_inputs, built_inputs, ready_through
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.request_log import CollectResult, collect_requests
from lakeloop.runs.spine import spine_as_of, spine_columns
from lakeloop.statuses import LookupStatus, Outcome, Purpose, ServedVerdict
from lakeloop.tables import WriteIdentity
from lakeloop.training.fitting import predict_scores

JOB = "audit_consistency"
ONLINE, OFFLINE = "online", "offline"
"""Origins: requests that were answered; predictions of turns and streams."""

WINDOW = timedelta(days=7)
_ROW, _SERVED = "_audited_row", "_served_"
_MARKED = (LookupStatus.STALE.value, LookupStatus.AHEAD.value)


@dataclass(frozen=True)
class ColumnFinding:
    """How a served column compares with the offline tables.

    Attributes:
        origin: `online` or `offline`.
        column: Served column, or `score`.
        compared: The counts.
    """

    origin: str
    column: str
    compared: Consistency

    @property
    def verdict(self) -> ServedVerdict:
        """What they say."""
        return self.compared.verdict

    def describe(self) -> str:
        """Say what differs.

        >>> compared = Consistency(100, 1, 0, 3, 0, 0, 0.5, 1.0)
        >>> ColumnFinding("online", "weather__wind", compared).describe()
        '1 of 100 missing, 3 of 100 of another value, by up to 1 (0.5 on average)'
        """
        found = self.compared
        counts = [(found.missing, "missing"), (found.extra, "extra"), (found.mismatch, "of another value")]
        counts += [(found.marked_different, "old, and marked so")]
        parts = [f"{count} of {found.rows} {what}" for count, what in counts if count]
        if found.max_difference is not None and found.mean_difference is not None:
            parts.append(f"by up to {found.max_difference:g} ({found.mean_difference:g} on average)")
        return ", ".join(parts) or "the same"


@dataclass(frozen=True)
class ConsistencyResult:
    """What the audit of a model's answers found.

    Attributes:
        model: The model.
        verdict: The worst of its columns; UNKNOWN when nothing could be compared.
        rows: Origin -> answers that were compared.
        findings: Columns that are not CONSISTENT, worst first.
        collected: Requests that were brought into their table on the way.
        outcome: WRITTEN, or SKIPPED when it was audited at this instant already.
    """

    model: str
    verdict: ServedVerdict
    rows: dict[str, int]
    findings: tuple[ColumnFinding, ...]
    collected: CollectResult
    outcome: Outcome

    @property
    def summary(self) -> str:
        """The verdict, and of how many answers."""
        compared = ", ".join(f"{count} {origin}" for origin, count in self.rows.items())
        return f"{self.verdict}: {compared} answers compared with the offline tables"

    def failure(self) -> SkewError | None:
        """Give the error this result stands for; None unless values were served as right that are not.

        >>> wind = ColumnFinding("online", "weather__wind", Consistency(100, 1, 0, 3, 0, 0, 0.5, 1.0))
        >>> asked, nothing = {"online": 100, "offline": 0}, CollectResult("late", 0, 0)
        >>> result = ConsistencyResult("late", ServedVerdict.SKEWED, asked, (wind,), nothing, Outcome.WRITTEN)
        >>> result.failure().failures[0].name
        'online weather__wind'
        """
        skewed = [each for each in self.findings if each.verdict is ServedVerdict.SKEWED]
        if not skewed:
            return None
        return SkewError(
            f"model {self.model}",
            [Failure(f"{each.origin} {each.column}", each.describe()) for each in skewed],
            "publish again (`lakeloop publish --full`); if it stays, compare declarations of the server and of conf/:"
            " monitoring.consistency has the figures",
        )


def audit_consistency(context: Context, name: str) -> ConsistencyResult:
    """Compare a sample of what was answered with what the offline tables give for the same rows and instants.

    Answered are requests (of servers) and predictions (of turns and streams) of the week before the logical now; of
    each, `audit.sample` rows with the smallest hashes. Their features are looked up again as of `prediction_ts`, and
    the version that answered scores them again. Answers later than the gold tables are built are left to a later audit.

    Args:
        context: Project, lake, registry and logical now.
        name: The model.

    Returns:
        The findings, also written to `monitoring.consistency`.

    Raises:
        NotReadyError: If a gold table was never built.
        ConflictError: If a version that answered is not in the registry as it was.

    >>> audit_consistency(context, "late").summary
    'CONSISTENT: 0 online, 100 offline answers compared with the offline tables'
    """
    model, lake = context.config.models[name], context.lake
    with lake.writing():
        collected = collect_requests(context, name)
        address, identity = lake.own(schemas.CONSISTENCY), WriteIdentity(JOB, f"{name} {context.turn}")
        done = lake.find_commit(address, identity)
        if done is not None:
            return _read(context, name, collected)
        inputs = built_inputs(context, model)
        ready = ready_through(context, inputs)
        findings: list[ColumnFinding] = []
        rows: dict[str, int] = {}
        for origin in (ONLINE, OFFLINE):
            sample = _sample(context, model, origin, ready)
            rows[origin] = 0 if sample is None else sample.num_rows
            if sample is None or not sample.num_rows:
                findings.append(ColumnFinding(origin, "score", compare_served([], [], [])))
                continue
            found = _compare(context, model, origin, sample, inputs)
            rows[origin] = found[-1].compared.rows  # a row that is in bronze no more cannot be computed again
            findings += found
        window = {"start": context.as_of - WINDOW, "end": context.as_of}
        lake.append_own(schemas.CONSISTENCY, [_as_row(context, name, window, each) for each in findings], identity)
        return _result(name, rows, findings, collected, Outcome.WRITTEN)


def _sample(context: Context, model: Model, origin: str, ready: datetime) -> pa.Table | None:
    """Read the answers to look at: a few, by hash."""
    lake = context.lake
    address = lake.address("requests" if origin == ONLINE else "predictions", model.model)
    if not lake.exists(address):
        return None
    rows = lake.read(address, context.as_of, by="as_of").where(
        (F.col("prediction_ts") > F.lit(context.as_of - WINDOW)) & (F.col("prediction_ts") <= F.lit(ready))
    )
    if origin == ONLINE:
        key = F.sha2(F.concat_ws(" ", "request_id", F.coalesce("prediction_id", F.lit(""))), 256)
    else:
        rows = rows.where((F.col("purpose") == Purpose.PRODUCTION.value) & (F.col("revision") == 0))
        key = F.col("prediction_id")
    few = rows.orderBy(key, *_ties(rows)).limit(model.audit.sample)
    found: pa.Table = few.toArrow()  # bounded: audit.sample rows
    return found.append_column(_ROW, pa.array(range(found.num_rows), pa.int64()))


def _ties(rows: DataFrame) -> list[str]:
    return [name for name in ("prediction_ts", "model_version", "score") if name in rows.columns]


def _compare(
    context: Context, model: Model, origin: str, sample: pa.Table, inputs: Sequence[Any]
) -> list[ColumnFinding]:
    served_columns = [
        *(each.column for each in resolve_features(context.config, model)),
        *(model.on_demand if origin == OFFLINE else ()),
    ]
    served_columns = [each for each in served_columns if each in sample.column_names]
    asked = _spine(context, model, origin, sample)
    again: pa.Table = add_model_inputs(
        context, model, asked, inputs, sample.num_rows
    ).toArrow()  # bounded: the rows of the sample
    again = again.sort_by(_ROW)
    kept = again[_ROW].to_numpy()
    served = sample.take(pa.array(kept))  # bounded: rows of the sample
    findings = []
    for name in served_columns:
        marked = _marked(served, name.partition("__")[0])
        compared = compare_served(served[name].to_pylist(), again[name].to_pylist(), marked)
        findings.append(ColumnFinding(origin, name, compared))
    any_marked = np.zeros(len(kept), dtype=bool)
    for name in (each for each in served.column_names if each.endswith(STATUS_SUFFIX)):
        any_marked |= np.array(_marked(served, name.removesuffix(STATUS_SUFFIX)))
    scores = _scores(context, model, served["model_version"].to_pylist(), again)
    compared = compare_served(served["score"].to_pylist(), scores, [bool(each) for each in any_marked])
    return [*findings, ColumnFinding(origin, "score", compared)]


def _spine(context: Context, model: Model, origin: str, sample: pa.Table) -> DataFrame:
    """Give the sampled rows as a spine: a request brought its columns itself, a prediction's are those of bronze."""
    wanted = spine_columns(context, model)
    if origin == ONLINE:
        names = [each.name for each in wanted.fields if each.name in sample.column_names]
        rows = frame_of(context.spark, sample.select([*names, _ROW]))
        typed = [F.col(each.name).cast(each.dataType).alias(each.name) for each in wanted.fields if each.name in names]
        return rows.select(*typed, _ROW)
    ids = frame_of(context.spark, sample.select(["prediction_id", _ROW]))
    return spine_as_of(context, model, after=context.as_of - WINDOW).join(F.broadcast(ids), "prediction_id")


def _marked(served: pa.Table, table: str) -> list[bool]:
    name = f"{table}{STATUS_SUFFIX}"
    if name not in served.column_names:
        return [False] * served.num_rows
    return [each in _MARKED for each in served[name].to_pylist()]


def _scores(context: Context, model: Model, versions: Sequence[str], rows: pa.Table) -> list[float]:
    """Score rows by the versions that answered them."""
    keys = {each.version: each.run_key for each in read_promotions(context, model.model)}
    inputs = input_columns(context.config, model)
    given = pa.table({name: as_model_input(rows[name]) for name in inputs})
    frame = given.to_pandas()  # bounded: the rows of the sample
    scores = np.full(len(frame), np.nan)
    answered = np.array(versions, dtype=object)
    for version in dict.fromkeys(versions):
        registered = context.registry.get_version(model.model, version, keys.get(version, ""))
        of_version = answered == version
        found = predict_scores(
            model.task, context.registry.load_pipeline(registered), frame[of_version], len(model.label.classes)
        )
        scores[of_version] = found.max(axis=1) if found.ndim > 1 else found
    return [float(each) for each in scores]


def _as_row(context: Context, name: str, window: dict[str, datetime], found: ColumnFinding) -> dict[str, Any]:
    compared = found.compared
    return {
        "model": name,
        "origin": found.origin,
        "window": window,
        "column_name": found.column,
        "count": compared.rows,
        "num_missing": compared.missing,
        "num_extra": compared.extra,
        "num_mismatch": compared.mismatch,
        "num_marked": compared.marked,
        "num_marked_different": compared.marked_different,
        "mean_difference": compared.mean_difference,
        "max_difference": compared.max_difference,
        "verdict": found.verdict.value,
        "as_of": context.as_of,
    }


def _read(context: Context, name: str, collected: CollectResult) -> ConsistencyResult:
    """Give again what an audit of this instant has recorded."""
    findings, rows = [], {ONLINE: 0, OFFLINE: 0}
    for row in context.lake.own_rows(schemas.CONSISTENCY, context.as_of):
        if row["model"] != name or row["as_of"] != context.as_of:
            continue
        compared = Consistency(
            rows=row["count"],
            missing=row["num_missing"],
            extra=row["num_extra"],
            mismatch=row["num_mismatch"],
            marked=row["num_marked"],
            marked_different=row["num_marked_different"],
            mean_difference=row["mean_difference"],
            max_difference=row["max_difference"],
        )
        findings.append(ColumnFinding(row["origin"], row["column_name"], compared))
        rows[row["origin"]] = max(rows[row["origin"]], compared.rows)
    return _result(name, rows, findings, collected, Outcome.SKIPPED)


_WORST_FIRST = (ServedVerdict.SKEWED, ServedVerdict.STALE, ServedVerdict.CONSISTENT, ServedVerdict.UNKNOWN)


def _result(
    name: str, rows: dict[str, int], findings: Sequence[ColumnFinding], collected: CollectResult, outcome: Outcome
) -> ConsistencyResult:
    ordered = sorted(findings, key=lambda each: (_WORST_FIRST.index(each.verdict), each.origin, each.column))
    told = tuple(each for each in ordered if each.verdict in (ServedVerdict.SKEWED, ServedVerdict.STALE))
    verdict = ordered[0].verdict if ordered else ServedVerdict.UNKNOWN
    return ConsistencyResult(name, verdict, rows, told, collected, outcome)
