"""Whether two workspaces hold equal tables and equal models: by row, on all columns but the volatile ones."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from deltalake import DeltaTable
from mlflow import MlflowClient

from lakeloop import schemas
from lakeloop.config import Config

_CUT = {"bronze": "available_ts", "gold": "available_ts"}
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12


def tables(config: Config) -> list[str]:
    """Name the tables of a workspace, `layer/name`."""
    return sorted(
        path.parent.relative_to(config.workspace).as_posix() for path in config.workspace.glob("*/*/_delta_log")
    )


def rows(config: Config, table: str, as_of: datetime | None = None) -> list[dict[str, Any]]:
    """Read a table without its volatile columns, cut at an instant, in an order of its own."""
    path = config.workspace / table
    layer, name = table.split("/")
    own = next((each for each in schemas.OWN_TABLES if (each.layer, each.name) == (layer, name)), None)
    volatile: Iterable[str] = own.volatile if own else schemas.BRONZE_VOLATILE
    found = DeltaTable(str(path)).to_pyarrow_table().to_pylist()
    cut = own.cut_by if own else _CUT.get(layer, "as_of")
    kept = [row for row in found if as_of is None or row[cut] <= as_of]
    plain = [{key: _plain(value) for key, value in row.items() if key not in volatile} for row in kept]
    return sorted(plain, key=_sort_key)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(sorted((key, _plain(each)) for key, each in value.items()))
    if isinstance(value, list):
        return tuple(_plain(each) for each in value)
    return value


def _sort_key(row: dict[str, Any]) -> str:
    return repr([(key, f"{value:.6g}" if isinstance(value, float) else value) for key, value in sorted(row.items())])


def assert_same_table(ours: Config, theirs: Config, table: str, as_of: datetime | None = None) -> None:
    """Assert that a table has equal rows in two workspaces."""
    assert_same_rows(rows(ours, table, as_of), rows(theirs, table, as_of), table)


def assert_same_rows(left: list[dict[str, Any]], right: list[dict[str, Any]], table: str) -> None:
    """Assert that two lists of rows, in the same order, are equal."""
    assert len(left) == len(right), f"{table}: {len(left)} rows against {len(right)}"
    for one, other in zip(left, right, strict=True):
        different = {key for key in one if not _equal(one[key], other.get(key))}
        assert not different, (
            f"{table}: {sorted(different)}: {[(one[key], other.get(key)) for key in sorted(different)]}"
        )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(_equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def assert_same_models(ours: Config, theirs: Config) -> None:
    """Assert that two tracking stores hold the same versions under the same aliases."""
    assert models(ours) == models(theirs)
    assert run_states(ours) == run_states(theirs)


def assert_same_run(clean: Config, other: Config, *, but: tuple[str, ...] = ()) -> None:
    """Assert that two workspaces hold the same tables, models and announcements.

    Args:
        clean: The one that was not disturbed.
        other: The other.
        but: Tables that are not compared.
    """
    assert tables(clean) == tables(other)
    for table in tables(clean):
        if table not in but:
            assert_same_table(clean, other, table)
    assert_same_models(clean, other)
    assert announced(clean) == announced(other)


def announced(config: Config) -> list[dict[str, Any]]:
    """Read what was announced to the project's file, in an order of its own."""
    path = config.workspace / str(config.project.notify.file)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sorted((json.loads(line) for line in lines), key=lambda each: str(each["id"]))


def run_states(config: Config) -> list[tuple[str, str, str]]:
    """List model, version and how the run ended of every version."""
    client = MlflowClient(config.tracking_uri, config.tracking_uri)
    found = client.search_model_versions()
    return sorted((each.name, str(each.version), client.get_run(each.run_id).info.status) for each in found)


def models(config: Config) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """List model, version, run key and aliases of every version."""
    client = MlflowClient(config.tracking_uri, config.tracking_uri)
    found = []
    for registered in client.search_registered_models():
        aliases: dict[str, list[str]] = {}
        for alias, version in registered.aliases.items():
            aliases.setdefault(str(version), []).append(alias)
        for version in client.search_model_versions(f"name = '{registered.name}'"):
            named = tuple(sorted(aliases.get(str(version.version), [])))
            found.append((registered.name, str(version.version), version.tags["lakeloop.run_key"], named))
    return sorted(found)
