"""A workspace that an earlier release wrote opens in this one, loses nothing, and goes on."""

from __future__ import annotations

import tarfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakeloop.config import Config, load_config
from lakeloop.runs.context import Context
from lakeloop.runs.own_rows import read_own_rows
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.turn import run_turn
from lakeloop.schemas import DECISIONS, PROMOTIONS
from lakeloop.statuses import RebuildStatus
from lakeloop.tables.files import list_tables
from lakeloop.tables.settings import FORMAT, FORMAT_PROPERTY
from tests.laws.small_loop import TURNS, land

ARCHIVES = sorted(Path(__file__).parent.glob("*.tar.xz"))
LATER = datetime(2024, 2, 12, tzinfo=UTC)

each_archive = pytest.mark.parametrize("archive", ARCHIVES, ids=[each.name.partition(".")[0] for each in ARCHIVES])


def opened(archive: Path, root: Path) -> Config:
    """Put the workspace where nobody made it."""
    with tarfile.open(archive) as packed:
        packed.extractall(root, filter="data")
    return load_config(root)


def versions(config: Config) -> dict[str, int]:
    """The newest version of every table."""
    return {str(each): int(DeltaTable(each.path).version()) for each in list_tables(config.workspace)}


def rows(path: str, version: int, columns: list[str]) -> Counter[str]:
    """The rows of a version of a table, as texts of their values."""
    found: list[dict[str, Any]] = DeltaTable(path, version=version).to_pyarrow_table(columns=columns).to_pylist()
    return Counter(repr(list(row.values())) for row in found)


@each_archive
def test_what_was_recorded_is_read_without_spark_and_nothing_is_written(archive: Path, tmp_path: Path) -> None:
    config = opened(archive, tmp_path)
    before, context = versions(config), Context(config, TURNS[-1])
    assert [row["action"] for row in read_own_rows(context, DECISIONS)] == ["retrain", "retrain"]
    ledger = sorted(
        (row["ledger_seq"], row["model_version"], row["outcome"]) for row in read_own_rows(context, PROMOTIONS)
    )
    assert ledger == [(1, "1", "promoted"), (2, "2", "promoted")]
    assert versions(config) == before
    assert "spark" not in context.__dict__


@pytest.mark.slow
@each_archive
def test_the_next_turn_is_done_and_earlier_rows_stay_as_they_were(archive: Path, tmp_path: Path) -> None:
    config = opened(archive, tmp_path)
    before = versions(config)
    assert all(
        FORMAT_PROPERTY not in DeltaTable(each.path).metadata().configuration for each in list_tables(config.workspace)
    )
    land(config, LATER, after=TURNS[-1])
    context = Context(config, LATER)

    turn = run_turn(context, ["late"])

    (model,) = turn.models
    assert model.score is not None
    assert model.score.rows > 0
    assert model.monitor is not None
    for address in list_tables(config.workspace):
        table, name = DeltaTable(address.path), str(address)
        earlier = before.get(name)
        if earlier is not None:
            columns = [each.name for each in DeltaTable(address.path, version=earlier).schema().fields]
            kept = rows(address.path, int(table.version()), columns)
            assert not rows(address.path, earlier, columns) - kept, name
        if earlier != table.version():
            assert table.metadata().configuration[FORMAT_PROPERTY] == str(FORMAT), name
    first = next(row for row in read_own_rows(context, PROMOTIONS) if row["ledger_seq"] == 1)["training_set_id"]
    assert rebuild_training_set(context, "late", first).status is RebuildStatus.REPRODUCED
