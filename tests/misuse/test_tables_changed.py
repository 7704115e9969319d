"""Tables deleted, cut short or changed by something else than lakeloop: told before anything is built on them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from lakeloop import schemas
from lakeloop.runs.context import Context
from lakeloop.runs.integrity import watched_tables
from tests.laws.compare import assert_same_table
from tests.misuse.finished import LAST, LATER, Call, config_of

pytestmark = pytest.mark.loop

# The slice raises no flag, replays nothing, publishes nothing, and neither retires nor audits a training set.
NOT_WRITTEN = (
    schemas.RUNS,
    schemas.FLAGS,
    schemas.REPLAYS,
    schemas.TRAINING_SET_EVENTS,
    schemas.LEAKAGE,
    schemas.PUBLISHES,
)
OWN = [f"{table.layer}/{table.name}" for table in schemas.OWN_TABLES if table not in NOT_WRITTEN]
TABLES = [
    *("bronze/outcomes", "quarantine/airports", "training_sets/late_arrival", "predictions/late_arrival"),
    *OWN,
]
BACKUP = (
    "  remedy: put the table's folder back from a backup; without one, name a new workspace in project.yml, land the"
    " files again and run the turns in order, which gives the same tables\n"
)


@contextmanager
def taken_away(project: Path, table: str) -> Iterator[Path]:
    """A table's folder, elsewhere for a while; it comes back as it was."""
    path, aside = project / "workspace" / table, project / "aside"
    shutil.copytree(path, aside)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        aside.rename(path)


@pytest.mark.parametrize("table", TABLES)
def test_a_deleted_table_is_refused_whatever_is_called(call: Call, shared: Path, table: str) -> None:
    version = DeltaTable(shared / "workspace" / table).version()
    with taken_away(shared, table) as path:
        shutil.rmtree(path)
        ended = call(shared, "decide")
        assert not path.exists()  # nobody begins it anew
    assert ended.code == 6
    assert ended.said == (
        f"{table.replace('/', '.')}: conflicts with what is recorded\n"
        f"  - table: it is gone; it was at version {version}\n{BACKUP}"
    )


@pytest.mark.parametrize("verb", ["run", "ingest", "features", "score", "monitor", "training-set", "train", "report"])
def test_every_verb_looks_before_it_works(call: Call, shared: Path, verb: str) -> None:
    with taken_away(shared, "ops/promotions") as path:
        shutil.rmtree(path)
        ended = call(shared, verb)
    assert (ended.code, ended.said.splitlines()[0]) == (6, "ops.promotions: conflicts with what is recorded")


def test_several_tables_are_told_together(call: Call, shared: Path) -> None:
    with taken_away(shared, "ops/decisions") as decisions:
        DeltaTable(shared / "workspace" / "bronze" / "weather").delete("wind_speed_mph > 10")
        shutil.rmtree(decisions)
        ended = call(shared, "decide")
    version = DeltaTable(shared / "workspace" / "bronze" / "weather").version()
    DeltaTable(shared / "workspace" / "bronze" / "weather").restore(version - 1)
    assert ended.code == 6
    assert ended.said.startswith("2 tables: conflicts with what is recorded\n  - bronze.weather version ")
    assert "\n  - ops.decisions table: it is gone; it was at version " in ended.said
    assert call(shared, "decide", as_of=LAST).code == 0


def test_without_the_run_ledger_nothing_is_trusted(call: Call, shared: Path) -> None:
    with taken_away(shared, "ops/runs") as path:
        shutil.rmtree(path)
        ended = call(shared, "decide")
    assert ended.code == 6
    assert re.match(
        r"ops\.runs: conflicts with what is recorded\n  - table: it is gone, yet the workspace has \d+ other tables\n",
        ended.said,
    )


def test_a_change_by_hand_is_refused_and_the_remedy_carries_on(call: Call, shared: Path) -> None:
    path = shared / "workspace" / "ops" / "promotions"
    version, rows = DeltaTable(path).version(), DeltaTable(path).to_pyarrow_table()
    with pytest.raises(CommitFailedError, match="append-only"):  # what is recorded cannot be taken away ...
        DeltaTable(path).delete("model_version = '2'")
    write_deltalake(path, rows.slice(0, 1), mode="append")  # ... and what is added by hand is found
    ended = call(shared, "decide", as_of=LAST)
    assert ended.code == 6
    assert f"  - version {version + 1}: WRITE by something else than lakeloop\n" in ended.said
    command = re.search(r"python -c '(from deltalake import DeltaTable; .*?)';", ended.said)
    assert command is not None
    exec(command[1])
    assert call(shared, "decide", as_of=LAST).code == 0
    assert DeltaTable(path).to_pyarrow_table().equals(rows)


def test_a_table_of_what_is_not_declared_any_more_is_not_missed(call: Call, shared: Path) -> None:
    name = "conf/base/models/arrival_delay.yml"
    over = "conf/slice/models/arrival_delay.yml"
    texts = {each: (shared / each).read_text() for each in (name, over)}
    with taken_away(shared, "training_sets/arrival_delay") as path:
        shutil.rmtree(path)
        for each in texts:
            (shared / each).unlink()
        ended = call(shared, "decide", as_of=LAST)
    for each, text in texts.items():
        (shared / each).write_text(text)
    assert ended.code == 0


def test_a_gold_table_that_is_gone_is_built_anew_with_the_same_rows(
    call: Call, project: Path, shared: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = project / "workspace" / "gold" / "carrier_delays"
    shutil.rmtree(path)
    ended = call(project, "features", as_of=LAST)
    assert (ended.code, ended.said) == (0, "")
    assert "gold.carrier_delays: it is gone; it was at version 2; it is built anew from bronze\n" in caplog.text
    caplog.clear()
    assert_same_table(config_of(project), config_of(shared), "gold/carrier_delays")
    again = call(project, "features", as_of=LAST)
    assert (again.code, "built anew" in caplog.text) == (0, False)


def test_a_gold_table_that_is_gone_is_not_built_by_another_declaration(call: Call, project: Path) -> None:
    shutil.rmtree(project / "workspace" / "gold" / "carrier_delays")
    file = project / "conf/base/features/carrier_delays.yml"
    file.write_text(file.read_text().replace("every: 30 minutes", "every: 1 hour"))
    ended = call(project, "features", as_of=LATER)
    assert (ended.code, ended.said.splitlines()[:2]) == (
        6,
        ["gold.carrier_delays: conflicts with what is recorded", "  - table: it is gone; it was at version 2"],
    )


def test_every_table_a_project_has_is_watched(shared: Path) -> None:
    config = config_of(shared)
    context = Context(config, datetime(2013, 3, 1, tzinfo=UTC))
    watched = {str(address) for address in watched_tables(context)} | {"ops.runs"}
    there = {path.parent for path in config.workspace.glob("*/*/_delta_log")}
    assert {f"{path.parent.name}.{path.name}" for path in there} <= watched
