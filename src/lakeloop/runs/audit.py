"""The leakage audit of a training set: what no row could have known at its instant, and what tells too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakeloop import schemas
from lakeloop.aggregates import find_aggregate
from lakeloop.arrow_frame import frame_of
from lakeloop.config.columns import model_columns
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.table_inputs import sources_below, tables_below
from lakeloop.discovery.leaks import find_label_columns
from lakeloop.errors import Failure, LeakageError, NotReadyError
from lakeloop.features.same_values import are_same
from lakeloop.runs.context import Context
from lakeloop.runs.failed_tables import explaining
from lakeloop.runs.manifests import Manifest, find_manifest
from lakeloop.runs.model_inputs import features_by_table
from lakeloop.runs.pinned_model import pinned_model
from lakeloop.runs.recomputed import recompute_sample
from lakeloop.runs.spine import spine_as_of
from lakeloop.runs.training_data import TrainingData, read_training_data
from lakeloop.runs.training_set import pinned_set, training_rows
from lakeloop.statuses import GateStatus, LeakCheck, Outcome
from lakeloop.tables import WriteIdentity, holds_version, identity_hash
from lakeloop.training.leakage import score_columns
from lakeloop.training.split import TRAIN, VALIDATION

JOB = "audit"
_CHECKS = 2
"""Counted up when the checks judge otherwise: what they said before is then no answer."""
_ABSOLUTE = 1e-9
"""Numbers that are closer are the same: a row's own events are summed in another order than a whole table's."""


@dataclass(frozen=True)
class LeakFinding:
    """What one check says of one subject.

    Attributes:
        check: What was looked for.
        subject: Gold table, model column or source it speaks of.
        status: PASS; FAIL; WARN where a finding is accepted; INSUFFICIENT or NOT_APPLICABLE where it can't be said.
        value: Rows that differ, the score, or rows that were available before they happened.
        bound: From which value on it is a finding.
        detail: What was found, for people.
    """

    check: LeakCheck
    subject: str
    status: GateStatus
    value: float | None
    bound: float | None
    detail: str

    @property
    def name(self) -> str:
        """What `audit.accept` calls it."""
        return f"{self.check.value} {self.subject}"


@dataclass(frozen=True)
class AuditResult:
    """What the audit of a training set found.

    Attributes:
        model: The model.
        training_set_id: The training set.
        is_clean: Whether no check failed, and none lacked the rows to judge by.
        findings: What is not a plain pass, worst first.
        checks: Number of checks that were made.
        outcome: WRITTEN, or SKIPPED when it was audited in this way already.

    >>> found = LeakFinding(LeakCheck.LABEL_COLUMN, "items", GateStatus.FAIL, 1.0, 1.0, "is made of items")
    >>> print(AuditResult("late", "set-1", False, (found,), 9, Outcome.WRITTEN).failure().failures[0])
    label_column items: is made of items
    """

    model: str
    training_set_id: str
    is_clean: bool
    findings: tuple[LeakFinding, ...]
    checks: int
    outcome: Outcome

    def failure(self) -> LeakageError | NotReadyError | None:
        """Give the error this result stands for; None when it is clean."""
        of_set = f"training set {self.training_set_id} of model {self.model}"
        failed, unjudged = (
            [Failure(each.name, each.detail) for each in self.findings if each.status is status]
            for status in (GateStatus.FAIL, GateStatus.INSUFFICIENT)
        )
        if failed:
            remedy = "take the column out of the model, or mend the source's available_ts; what is meant is named in"
            return LeakageError(of_set, failed, f"{remedy} audit.accept of the model")
        if unjudged:
            remedy = "pin a set of more closed days and audit that; what need not be judged is named in audit.accept"
            return NotReadyError(of_set, unjudged, f"{remedy} of the model")
        return None


def audit_training_set(context: Context, set_id: str) -> AuditResult:
    """Search a training set for leaks; what is found is also written to `monitoring.leakage`.

    Args:
        context: Project and lake.
        set_id: The training set, or the beginning of its id.

    Returns:
        The findings; the same call gives the same ones.

    Raises:
        NotReadyError: If there is no such set.
        ConflictError: If the declarations are not those it was made by, or the model is declared no more.
        BudgetError: If its rows do not fit the memory budget.

    >>> try:
    ...     audit_training_set(context, "no-such-set")
    ... except NotReadyError as error:
    ...     print(error.failures[0])
    training set: there is none with the id no-such-set
    """
    lake = context.lake
    with lake.writing():
        manifest = find_manifest(context, set_id)
        model = pinned_model(context, manifest)
        address = lake.create_own(schemas.LEAKAGE)
        audit_id = identity_hash(JOB, _CHECKS, manifest.training_set_id, model.audit.model_dump(mode="json"))
        identity = WriteIdentity(JOB, f"{manifest.training_set_id} {audit_id}")
        done = lake.find_commit(address, identity)
        if done is not None:
            return _result(manifest, [_from_row(each) for each in done.notes["findings"]], Outcome.SKIPPED)
        context.progress(f"audit {model.model}")
        found = [_accepted(model, each) for each in _search(context.at(manifest.as_of), model, manifest)]
        rows = [_as_row(each) for each in found]
        same = {
            "training_set_id": manifest.training_set_id,
            "audit_id": audit_id,
            "model": model.model,
            "as_of": manifest.as_of,
        }
        lake.append_own(schemas.LEAKAGE, [row | same for row in rows], identity, notes={"findings": rows})
        return _result(manifest, found, Outcome.WRITTEN)


def _search(context: Context, model: Model, manifest: Manifest) -> Iterator[LeakFinding]:
    yield from _label_columns(context, model)
    yield from _post_events(context, model)
    yield from _scores(model, read_training_data(context, model, pinned_set(manifest), to_fit=False), context)
    yield from _time_travel(context, model, manifest)


def _label_columns(context: Context, model: Model) -> Iterator[LeakFinding]:
    leaks = {each.column: each.made_of for each in find_label_columns(context.config, model)}
    for column in model_columns(context.config, model):
        shared = leaks.get(column, ())
        status = GateStatus.FAIL if shared else GateStatus.PASS
        detail = f"is made of {', '.join(shared)}, as the label is" if shared else "shares no column with the label"
        yield LeakFinding(LeakCheck.LABEL_COLUMN, column, status, float(len(shared)), 1.0, detail)


def _post_events(context: Context, model: Model) -> Iterator[LeakFinding]:
    """Look for rows of the features' and the label's sources that were available before they happened."""
    tables = context.config.feature_tables
    sources = {*sources_below(tables, features_by_table(context.config, model)), model.label.from_}
    for name in sorted(sources):
        if name == model.predict.from_:  # what is announced is known before it happens
            detail = "holds the rows that ask for predictions, too, which are known before they happen"
            yield LeakFinding(LeakCheck.POST_EVENT, name, GateStatus.NOT_APPLICABLE, None, None, detail)
            continue
        rows = context.lake.read(context.lake.address("bronze", name), context.as_of)
        early = F.count_if(F.col("available_ts") < F.col("event_ts"))
        counted = rows.agg(F.count(F.lit(1)), early).first()
        total, ahead = (int(counted[0]), int(counted[1])) if counted is not None else (0, 0)
        if not total:
            yield LeakFinding(LeakCheck.POST_EVENT, name, GateStatus.INSUFFICIENT, None, 1.0, "has no row")
            continue
        status = GateStatus.FAIL if ahead else GateStatus.PASS
        detail = f"{ahead} of {total} rows were available before their event_ts"
        yield LeakFinding(LeakCheck.POST_EVENT, name, status, float(ahead), 1.0, detail)


def _scores(model: Model, data: TrainingData, context: Context) -> Iterator[LeakFinding]:
    columns: dict[str, pd.Series[Any]] = {
        name: (data.frame if name in data.frame else data.logged)[name] for name in model_columns(context.config, model)
    }
    scores = score_columns(columns, data.label, data.part(TRAIN), data.part(VALIDATION), model.task)
    metric, bound = ("R2" if model.task is Task.REGRESSION else "ROC AUC"), model.audit.suspicious_score
    for name, value in scores.items():
        if value is None:
            status, detail = GateStatus.INSUFFICIENT, "too few rows, or one class, in train or validation"
        else:
            status = GateStatus.FAIL if value >= bound else GateStatus.PASS
            detail = f"tells the label alone with {metric} {value:.3f}, suspicious from {bound:g}"
        yield LeakFinding(LeakCheck.SUSPICIOUS_SCORE, name, status, value, bound, detail)


def _time_travel(context: Context, model: Model, manifest: Manifest) -> Iterator[LeakFinding]:
    sample, expected = _sample(context, model, manifest), min(manifest.rows, model.audit.sample)
    tables, used = context.config.feature_tables, features_by_table(context.config, model)
    for name, features in used.items():
        table = tables[name]
        lacking = [key for key in table.entity if key not in sample.columns]
        if lacking:
            detail = f"the pinned version of bronze.{model.predict.from_}, which holds {', '.join(lacking)}, is gone"
            yield LeakFinding(LeakCheck.TIME_TRAVEL, name, GateStatus.INSUFFICIENT, None, 1.0, detail)
            continue
        with explaining(context.config, table):
            rows, differ = _compare(context, table, features, sample)
        yield _time_finding(context, name, rows, expected, differ)
    for name in tables_below(tables, used):
        if name not in used:
            above = ", ".join(f"gold.{each}" for each in used if name in tables_below(tables, [each]))
            detail = f"{above} was computed again from it as it is published; no row of the set looks it up itself"
            yield LeakFinding(LeakCheck.TIME_TRAVEL, name, GateStatus.INSUFFICIENT, None, 1.0, detail)


def _time_finding(context: Context, name: str, rows: int, expected: int, differ: dict[str, int]) -> LeakFinding:
    """Judge how many rows differ, of how many that were found and of how many there should be."""
    worst = max(differ.values(), default=0)
    columns = ", ".join(f"{feature} in {count}" for feature, count in differ.items() if count)
    detail = f"of {rows} rows computed again from what was available at their instants "
    detail += f"differ {columns}" if worst else "none differs"
    if not worst and (rows != expected or not rows):
        detail = f"{rows} of {expected} sampled rows could be looked at" if expected else "no row to look at"
        return LeakFinding(LeakCheck.TIME_TRAVEL, name, GateStatus.INSUFFICIENT, None, 1.0, detail)
    sources = sources_below(context.config.feature_tables, [name])
    if worst and any(context.config.sources[each].history is not None for each in sources):
        detail += "; so does a row of the trusted history that landed after its instant was built:"
        detail += f" `lakeloop backfill {name}` brings such rows in"
    status = GateStatus.FAIL if worst else GateStatus.PASS
    return LeakFinding(LeakCheck.TIME_TRAVEL, name, status, float(worst), 1.0, detail)


def _sample(context: Context, model: Model, manifest: Manifest) -> DataFrame:
    """Take rows of the set by the hash of their id: the same ones each time, from all of its stretch.

    Keys that are no input of the model are in the spine alone, in the version the set was pinned from; the sample lacks
    them when that is gone.
    """
    rows = training_rows(context, context.lake.address("training_sets", model.model), manifest.training_set_id)
    chosen = rows.orderBy(F.xxhash64("prediction_id", F.lit(manifest.seed)), "prediction_id").limit(model.audit.sample)
    tables = context.config.feature_tables
    keys = dict.fromkeys(key for name in features_by_table(context.config, model) for key in tables[name].entity)
    missing = [key for key in keys if key not in rows.columns]
    pinned = next(each for each in manifest.inputs if each.table == f"bronze.{model.predict.from_}")
    if missing and holds_version(context.lake, pinned.address(context), pinned.version):
        spine = spine_as_of(context, model, version=pinned.version).select("prediction_id", *missing)
        chosen = spine.join(F.broadcast(chosen), "prediction_id")
    taken: pa.Table = chosen.toArrow()  # bounded: audit.sample rows
    return frame_of(context.spark, taken)


def _compare(
    context: Context, table: FeatureTable, features: list[str], sample: DataFrame
) -> tuple[int, dict[str, int]]:
    """Count the rows whose stored features are not those computed again: one query per table."""
    name, again = table.feature_table, recompute_sample(context, table, sample)
    stored = sample.select(
        F.col("prediction_id").alias("_sample"),
        *(F.col(f"{name}__{each}").alias(f"_stored_{each}") for each in features),
    )
    joined = stored.join(again, "_sample", "left")
    counted, types = _emptied_to_zero(table), {field.name: field.dataType for field in again.schema.fields}

    def is_same(feature: str) -> Column:
        one, other = F.col(f"_stored_{feature}"), F.col(feature)
        if feature in counted:
            one, other = (F.coalesce(each, F.lit(0)) for each in (one, other))
        return are_same(one, other, types[feature], absolute=_ABSOLUTE)

    differs = [F.count_if(~is_same(each)).alias(each) for each in features]
    found = joined.agg(F.count(F.lit(1)).alias("_rows"), *differs).first()
    if found is None:
        return 0, {}
    return int(found["_rows"]), {each: int(found[each]) for each in features}


def _emptied_to_zero(table: FeatureTable) -> set[str]:
    """Name the features that are 0 where a window holds nothing: a row that is not there says the same."""
    return {each.name for each in table.window_features if find_aggregate(each.computed_as).gives == "long"}


def _accepted(model: Model, finding: LeakFinding) -> LeakFinding:
    if finding.status in (GateStatus.FAIL, GateStatus.INSUFFICIENT) and finding.name in model.audit.accept:
        return replace(finding, status=GateStatus.WARN, detail=f"accepted: {finding.detail}")
    return finding


_ORDER = (GateStatus.FAIL, GateStatus.WARN, GateStatus.INSUFFICIENT, GateStatus.NOT_APPLICABLE)


def _result(manifest: Manifest, found: list[LeakFinding], outcome: Outcome) -> AuditResult:
    told = [each for each in found if each.status is not GateStatus.PASS]
    told.sort(key=lambda each: (_ORDER.index(each.status), each.name))
    is_clean = all(each.status not in (GateStatus.FAIL, GateStatus.INSUFFICIENT) for each in told)
    return AuditResult(manifest.model, manifest.training_set_id, is_clean, tuple(told), len(found), outcome)


def _as_row(finding: LeakFinding) -> dict[str, Any]:
    return {**asdict(finding), "check": finding.check.value, "status": finding.status.value}


def _from_row(row: dict[str, Any]) -> LeakFinding:
    return LeakFinding(**{**row, "check": LeakCheck(row["check"]), "status": GateStatus(row["status"])})
