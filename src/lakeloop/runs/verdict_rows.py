"""Profiles and verdicts as rows of the monitoring tables, under the column names of Databricks data profiling."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from lakeloop.distances import DISTANCES
from lakeloop.drift.merged_profiles import describe_profile
from lakeloop.drift.slice_drift import SliceDrift
from lakeloop.drift.targets import RateVerdict
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.statuses import Role


def profile_rows(verdicts: Iterable[ColumnVerdict], profiles: pa.Table) -> list[dict[str, Any]]:
    """Give the profiles of a window: of each judged column, and of each in every slice that has rows.

    Args:
        verdicts: The columns' verdicts.
        profiles: The window's rows of `PROFILES_SCHEMA`, one per slice and column.

    Returns:
        Columns of `monitoring.profile_metrics`. A column without rows has a row that says why.

    >>> from datetime import UTC, datetime
    >>> from lakeloop.drift.bins import ColumnBins
    >>> from lakeloop.drift.daily_profiles import DailyProfiler, ProfilePlan
    >>> from lakeloop.statuses import Status, Verdict
    >>> profiler = DailyProfiler(ProfilePlan((ColumnBins("items", "number", edges=(3.0,)),), "UTC", "at"))
    >>> at = datetime(2024, 2, 1, tzinfo=UTC)
    >>> profiler.add(pa.table({"at": [at] * 4, "items": [2.0, 3.0, 7.0, None]}))
    >>> judged = (Status.OK, Verdict.DRIFT, 4, 0.25)
    >>> verdict = ColumnVerdict("items", "number", Role.CONTRACT, "psi", 0.31, 0.2, 0.1, *judged)
    >>> (row,) = profile_rows([verdict], profiler.profiles())
    >>> row["count"], row["percent_null"], row["avg"], row["bins"], row["median"]
    (4, 25.0, 4.0, [2, 1, 1], 3.0)
    """
    found = profiles.to_pylist()
    whole = {row["column_name"]: row for row in found if row["slice_key"] is None}
    rows = []
    for each in verdicts:
        known = whole.get(each.column)
        nothing = {"count": each.rows, "num_nulls": 0, "bins": []}
        told = nothing if known is None else {**describe_profile(known), "bins": known["bins"]}
        rows.append({"column_name": each.column, **told, "status": each.status.value})
    return [*rows, *(_described(row) for row in found if row["slice_key"] is not None)]


def period_rows(profiles: pa.Table) -> list[dict[str, Any]]:
    """Give the profiles of a calendar period.

    Args:
        profiles: Its rows of `PROFILES_SCHEMA`, one per slice and column; slices are left out.

    Returns:
        Columns of `monitoring.profile_metrics`.

    >>> from lakeloop.drift.daily_profiles import PROFILES_SCHEMA
    >>> period_rows(PROFILES_SCHEMA.empty_table())
    []
    """
    return [_described(row) for row in profiles.to_pylist() if row["slice_key"] is None]


def _described(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("slice_key", "slice_value", "column_name", "bins", "status")}
    return {**named, **describe_profile(row)}


def drift_row(verdict: ColumnVerdict, *, is_prediction: bool) -> dict[str, Any]:
    """Give the drift of a column in a window.

    Args:
        verdict: The column's verdict.
        is_prediction: Whether the column is the score.

    Returns:
        Columns of `monitoring.drift_metrics`.

    >>> from lakeloop.statuses import Status, Verdict
    >>> judged = (Status.OK, Verdict.DRIFT, 10, 0.1)
    >>> verdict = ColumnVerdict("items", "number", Role.CONTRACT, "psi", 0.31, 0.2, 0.1, *judged)
    >>> row = drift_row(verdict, is_prediction=False)
    >>> row["kind"], row["test"], row["statistic"], row["threshold"], row["verdict"]
    ('feature', 'psi', 0.31, 0.2, 'DRIFT')
    """
    return {
        "drift_type": "BASELINE",
        "column_name": verdict.column,
        "kind": "prediction" if is_prediction else "feature",
        "role": verdict.role.value,
        "test": verdict.statistic,
        "statistic": verdict.value,
        "threshold": verdict.threshold,
        **{
            distance.table_column: verdict.value if distance.name == verdict.statistic else None
            for distance in DISTANCES.values()
            if distance.table_column is not None
        },
        **verdict.recorded,
        "count": verdict.rows,
        "status": verdict.status.value,
        "verdict": verdict.verdict.value,
        "evidence": json.dumps({**verdict.evidence, "min_effect": verdict.min_effect}, sort_keys=True),
    }


def slice_row(found: SliceDrift, role: Role) -> dict[str, Any]:
    """Give the drift of a column in a slice.

    Args:
        found: What was measured.
        role: The column's role.

    Returns:
        Columns of `monitoring.drift_metrics`.

    >>> from lakeloop.statuses import Status
    >>> found = SliceDrift("origin", "JFK", "distance", "psi", 0.31, Status.OK, 400, 9000)
    >>> row = slice_row(found, Role.CONTRACT)
    >>> row["slice_value"], row["statistic"], row["threshold"], row["verdict"]
    ('JFK', 0.31, None, 'RECORDED')
    """
    return {
        "drift_type": "BASELINE",
        "slice_key": found.slice_key,
        "slice_value": found.slice_value,
        "column_name": found.column,
        "kind": "feature",
        "role": role.value,
        "test": found.statistic,
        "statistic": found.value,
        "threshold": None,
        "count": found.rows,
        "status": found.status.value,
        "verdict": found.verdict.value,
        "evidence": json.dumps({"reference_rows": found.reference_rows}),
    }


def target_row(verdict: RateVerdict | ColumnVerdict) -> dict[str, Any]:
    """Give the drift of the label in a window.

    Args:
        verdict: The verdict on the label's mean, or on the shares of its classes.

    Returns:
        Columns of `monitoring.drift_metrics`.

    >>> from lakeloop.statuses import Status, Verdict
    >>> nothing = (Status.EMPTY_WINDOW, Verdict.UNKNOWN)
    >>> verdict = RateVerdict(*nothing, 0.24, None, None, None, 0.05, 0.05, 20, 0, 0, 7)
    >>> row = target_row(verdict)
    >>> row["kind"], row["column_name"], row["statistic"], row["verdict"]
    ('target', 'label', None, 'UNKNOWN')
    """
    if isinstance(verdict, ColumnVerdict):
        return {**drift_row(verdict, is_prediction=False), "kind": "target"}
    evidence = {key: value for key, value in asdict(verdict).items() if key not in ("status", "verdict")}
    return {
        "drift_type": "BASELINE",
        "column_name": "label",
        "kind": "target",
        "role": Role.REGIME.value,
        "test": "difference_of_means",
        "statistic": verdict.difference,
        "threshold": verdict.min_effect,
        "count": verdict.window_rows,
        "status": verdict.status.value,
        "verdict": verdict.verdict.value,
        "evidence": json.dumps(evidence, sort_keys=True),
    }
