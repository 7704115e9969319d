"""What the gold tables and the monitoring say of features, as of an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lakeloop import schemas
from lakeloop.config.feature_table import FeatureTable
from lakeloop.discovery.facts import DriftState, FeatureFacts, Share, Spread, TableFacts
from lakeloop.discovery.private import private_features
from lakeloop.runs.context import Context
from lakeloop.runs.own_rows import read_own_rows
from lakeloop.tables import (
    ColumnProfile,
    TableAddress,
    TableProfile,
    has_table,
    profile_frame,
    profile_path,
)

_TIME = "available_ts"
_OF_FEATURES = {"kind": "feature", "slice_key": None}
_DRIFT_COLUMNS = ("model", "model_version", "window", "column_name", "status", "verdict", "as_of")


def read_facts(context: Context, tables: Iterable[str] | None = None) -> dict[str, TableFacts]:
    """Read what is known of gold tables at the logical now.

    Of columns that say something of a person only the missing values are counted. Tables on paths are read without
    Spark, so that the context need not have a session.

    Args:
        context: Project, lake and logical now.
        tables: Names of feature tables; all without it.

    Returns:
        Feature table -> what it says; one that was not built by then has no rows and no features.

    >>> found = read_facts(context, ["shop_delays"])["shop_delays"]
    >>> found.built_through.isoformat(), found.of("count_is_late_6h").nulls
    ('2024-02-04T00:00:00+00:00', 0)
    """
    declared = context.config.feature_tables
    chosen = list(declared) if tables is None else list(tables)
    builds = read_own_rows(context, schemas.FEATURE_BUILDS)
    drift = _last_verdicts(read_own_rows(context, schemas.DRIFT_METRICS, _OF_FEATURES, _DRIFT_COLUMNS))
    found = {}
    for name in chosen:
        context.progress(f"read gold.{name}")
        through = [row["built_through"] for row in builds if row["feature_table"] == name]
        found[name] = _read(context, declared[name], max(through, default=None), drift)
    return found


def _read(
    context: Context, table: FeatureTable, through: datetime | None, drift: Mapping[str, Sequence[DriftState]]
) -> TableFacts:
    name = table.feature_table
    if through is None:
        return TableFacts(name, None, 0)
    hidden = private_features(context.config, table)
    profile = _profile(context, table, sorted(hidden))
    if profile is None:
        return TableFacts(name, None, 0)
    features = tuple(
        FeatureFacts(
            feature=column,
            type=_type_name(each.type),
            nulls=each.nulls,
            null_share=each.nulls / profile.rows if profile.rows else None,
            spread=None if column in hidden else _spread(each),
            drift=tuple(drift.get(f"{name}__{column}", ())),
        )
        for column, each in profile.columns.items()
    )
    return TableFacts(name, through.astimezone(UTC), profile.rows, features)


def _profile(context: Context, table: FeatureTable, hidden: Sequence[str]) -> TableProfile | None:
    if context.config.project.catalog is None:
        address = TableAddress("gold", table.feature_table, context.config.tables)
        if not has_table(address):
            return None
        return profile_path(address.path, table.feature_names, context.as_of, by=_TIME, unseen=hidden)
    address = context.lake.address("gold", table.feature_table)
    if not context.lake.exists(address):
        return None
    return profile_frame(context.lake.read(address, context.as_of), table.feature_names, unseen=hidden)


def _last_verdicts(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[DriftState]]:
    """Give what was said last of each column, model by model: of the newest window its newest evaluation."""
    newest: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        key = (row["column_name"], row["model"])
        if key not in newest or _age(newest[key]) < _age(row):
            newest[key] = row
    found: dict[str, list[DriftState]] = {}
    for (column, model), row in sorted(newest.items()):
        end, as_of = row["window"]["end"].astimezone(UTC), row["as_of"].astimezone(UTC)
        found.setdefault(column, []).append(DriftState(model, row["verdict"], row["status"], end, as_of))
    return found


def _age(row: Mapping[str, Any]) -> tuple[datetime, datetime, int, str]:
    version = str(row["model_version"])
    return (row["window"]["end"], row["as_of"], int(version) if version.isdigit() else 0, version)


def _spread(profile: ColumnProfile) -> Spread | None:
    if profile.lower is not None and profile.upper is not None:
        return Spread(profile.lower, profile.upper, tuple(profile.counts))
    if profile.words and profile.others is not None:
        return Spread(values=tuple(Share(*each) for each in profile.words), others=profile.others)
    return None


def _type_name(kind: str) -> str:
    return {"int": "integer", "bigint": "long"}.get(kind, kind)
