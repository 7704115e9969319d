"""What was found, as rows of the monitoring tables: of windows, slices and calendar periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.drift.merged_profiles import WHOLE, merge_profiles
from lakeloop.drift.reference import Reference, is_prediction
from lakeloop.drift.slice_drift import measure_slices
from lakeloop.runs.context import Context
from lakeloop.runs.daily_profiles import read_profiles
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.performance_rows import (
    calibration_rows,
    estimate_rows,
    label_rows,
    performance_rows,
    slice_performance_rows,
)
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.verdict_rows import drift_row, period_rows, profile_rows, slice_row, target_row
from lakeloop.runs.window_evaluation import roles_of
from lakeloop.runs.windows import MonitorWindow, ended_periods
from lakeloop.tables import WriteIdentity


@dataclass(frozen=True)
class FoundRows:
    """Rows of the monitoring tables.

    Attributes:
        profiles: Of `monitoring.profile_metrics`.
        drifts: Of `monitoring.drift_metrics`.
        performances: Of `monitoring.performance`.
        estimates: Of `monitoring.estimated_performance`.
    """

    profiles: list[dict[str, Any]]
    drifts: list[dict[str, Any]]
    performances: list[dict[str, Any]]
    estimates: list[dict[str, Any]]

    @classmethod
    def of(
        cls, context: Context, model: Model, version: str, reference: Reference, findings: Sequence[WindowFinding]
    ) -> FoundRows:
        """Put findings into rows.

        Args:
            context: Project, lake and logical now.
            model: The model's declaration.
            version: The version they speak of.
            reference: What its features were accepted on.
            findings: What was found, by window end.

        Returns:
            The rows.

        >>> from datetime import UTC
        >>> from lakeloop.config.metric import Task
        >>> empty = Reference("late", Task.CLASSIFICATION, datetime(2024, 1, 25, tzinfo=UTC), (), (), {}, {})
        >>> FoundRows.of(context, context.config.models["late"], "1", empty, []).drifts
        []
        """
        profiles: list[dict[str, Any]] = []
        drifts: list[dict[str, Any]] = []
        performances: list[dict[str, Any]] = []
        estimates: list[dict[str, Any]] = []
        roles = roles_of(context.config, model)
        for finding in findings:
            same = {
                "model": model.model,
                "model_version": version,
                "window": (finding.window.start, finding.window.end),
                "granularity": f"{model.monitor.window.days} days",
                "as_of": context.as_of,
            }
            profiles += [{**same, **row} for row in profile_rows(finding.columns, finding.profiles)]
            drifts += [
                {**same, **drift_row(verdict, is_prediction=is_prediction(model.task, verdict.column))}
                for verdict in finding.columns
            ]
            in_slices = measure_slices(reference, finding.profiles, model.monitor)
            drifts += [{**same, **slice_row(each, roles[each.column])} for each in in_slices]
            if not finding.waits:
                drifts.append({**same, **target_row(finding.target)})
            performances += [
                {**same, **row} for row in performance_rows(finding.performance, finding.void_rows, reference)
            ]
            performances += [{**same, **row} for row in calibration_rows(finding.performance, finding.calibration)]
            performances += [{**same, **row} for row in label_rows(finding.labels, finding.performance)]
            performances += [{**same, **row} for row in slice_performance_rows(finding.slices)]
            if finding.estimate is not None:
                pending = finding.labels.pending
                estimates += [{**same, **row} for row in estimate_rows(finding.estimate, pending)]
        return cls(profiles, drifts, performances, estimates)

    def append_all_but_performance(
        self,
        context: Context,
        identity: WriteIdentity,
        profiles: Sequence[dict[str, Any]] = (),
        drifts: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Append the rows to their tables, but for performance, which is written last because it says that all is done.

        Args:
            context: Project, lake and logical now.
            identity: Identity of this monitoring.
            profiles: Further rows of profiles.
            drifts: Further rows of drift.

        >>> identity = WriteIdentity("monitor", "late 2024-02-04T00:00:00Z", "9")
        >>> FoundRows([], [], [], []).append_all_but_performance(fresh, identity)
        >>> [len(fresh.lake.commits(fresh.lake.own(each))) for each in (schemas.DRIFT_METRICS, schemas.PERFORMANCE)]
        [1, 0]
        """
        lake = context.lake
        lake.append_own(schemas.PROFILE_METRICS, [*self.profiles, *profiles], identity)
        lake.append_own(schemas.DRIFT_METRICS, [*self.drifts, *drifts], identity)
        if self.estimates:
            lake.create_own(schemas.ESTIMATED_PERFORMANCE)
            lake.append_own(schemas.ESTIMATED_PERFORMANCE, self.estimates, identity)


def profile_periods(
    context: Context, model: Model, champion: Promotion, identity: WriteIdentity
) -> list[dict[str, Any]]:
    """Profile the calendar periods that have ended since the version's last monitoring.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration, with its granularities.
        champion: The version and when it became champion.
        identity: Identity of this monitoring.

    Returns:
        Rows of `monitoring.profile_metrics`, over all rows; none of a period without rows. The first and the last
        period of a version may be partly another's.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> model, champion = context.config.models["late"], read_promotions(context, "late")[0]
    >>> profile_periods(context, model, champion, WriteIdentity("monitor", "late 1", "1"))  # none are declared
    []
    """
    if not model.monitor.granularities:
        return []
    lake, zone = context.lake, model.label.closes.timezone
    commits = [
        commit
        for commit in lake.commits(lake.own(schemas.PROFILE_METRICS))
        if commit.fingerprint == identity.fingerprint and commit.unit != identity.unit
        if commit.unit.startswith(f"{model.model} ")
    ]
    last = max((datetime.fromisoformat(commit.unit.split(" ")[1]) for commit in commits), default=champion.as_of)
    found: list[dict[str, Any]] = []
    for granularity in model.monitor.granularities:
        periods = ended_periods(granularity, last, context.as_of, zone)
        profiles = read_profiles(context, model.model, champion.version, periods)
        for period in periods:
            same = {
                "model": model.model,
                "model_version": champion.version,
                "window": (period.start, period.end),
                "granularity": f"1 {granularity.value}",
                "as_of": context.as_of,
            }
            whole = merge_profiles(_within(profiles, period), WHOLE)
            found += [{**same, **row} for row in period_rows(whole)]
    return found


def _within(profiles: pa.Table, period: MonitorWindow) -> pa.Table:
    """Rows of the blocks that begin in a period."""
    start, kind = profiles["block_start"], pa.timestamp("us", "UTC")
    first, end = pa.scalar(period.start, kind), pa.scalar(period.end, kind)
    return profiles.filter(pc.and_(pc.greater_equal(start, first), pc.less(start, end)))
