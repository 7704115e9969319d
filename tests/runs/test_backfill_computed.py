"""Tables of a statement and of a function made again: what a build from nothing has, chunk by chunk, once."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakeloop.errors import ConflictError, UsageError
from lakeloop.runs.backfill import backfill, run_backfill
from lakeloop.runs.backfill_plan import plan_backfill
from lakeloop.runs.features import build_features
from lakeloop.statuses import Outcome
from tests.factories import instant
from tests.runs.test_backfill import (
    FILES,
    TURNS,
    KilledError,
    Row,
    ask,
    commits,
    happened,
    kill_after,
    land_and_build,
    open_at,
    planned,
    rebuild,
)

pytestmark = [pytest.mark.loop, pytest.mark.slow]

BUSY = """\
feature_table: busy
entity: [shop]
every: 1 hour
needs: 2 hours
sql: select d.shop, count(*) as deliveries, max(d.delay_minutes) as longest from deliveries d group by d.shop
features: {deliveries: {type: long}, longest: {type: double}}
"""
OF_GOLD = BUSY.replace("d.delay_minutes", "l.newest_delay").replace(
    "group", "join gold.newest l on l.shop = d.shop group"
)
MADE = {
    "conf/base/features/busy.yml": BUSY,
    "conf/base/features/pace.yml": """\
feature_table: pace
entity: [shop]
from: deliveries
every: 1 hour
needs: 2 hours
python: paces.spread
features: {spread: {type: double}}
""",
    "features_py/paces.py": """\
def spread(rows):
    return {"spread": float(rows["delay_minutes"].max() - rows["delay_minutes"].min())}
""",
}
VALUES = {"busy": ("deliveries", "longest"), "pace": ("spread",), "newest": ("newest_delay",)}
NOON = instant("2024-01-01 12:00")
# What stood at noon stays; after it the rows that differ from the state that was published then.
SINCE_NOON = [
    ("01 13:00", "B", None, None),
    ("01 14:00", "A", 1, 30.0),
    ("01 16:00", "A", None, None),
    ("01 16:00", "B", 1, 1.0),
    ("01 18:00", "B", None, None),
    ("02 00:00", "A", 1, 7.0),
]
WHOLE = [
    ("01 10:00", "A", 1, 5.0),
    ("01 11:00", "A", 2, 40.0),
    ("01 11:00", "B", 1, 20.0),
    ("01 12:00", "A", 1, 40.0),
    ("01 13:00", "A", None, None),
    *SINCE_NOON,
]


@pytest.fixture(scope="module")
def template(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("computed")
    kept = {f"conf/base/{name}": text for name, text in FILES.items() if "habits" not in name}
    for name, text in (kept | MADE).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for at, records in TURNS.items():
        land_and_build(root, instant(at), records)
    return root


@pytest.fixture(scope="module")
def rebuilt(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rebuild(template, tmp_path_factory.mktemp("computed_anew") / "project")


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "project"))


def gold(root: Path, table: str) -> list[Row]:
    found = DeltaTable(str(root / "workspace/gold" / table)).to_pyarrow_table().to_pylist()
    return sorted(
        (f"{row['available_ts']:%d %H:%M}", row["shop"], *(row[name] for name in VALUES[table])) for row in found
    )


def test_a_statement_is_made_again_from_any_instant_and_then_as_a_whole(
    root: Path, rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gold(root, "busy")
    asked = ask("busy", NOON, hours=5)
    with monkeypatch.context() as patched:
        kill_after(patched, 1)
        with pytest.raises(KilledError):
            run_backfill(open_at(root), asked)
    part = run_backfill(open_at(root), asked)
    assert (part.chunks, part.chunks_written) == (3, 2)
    assert planned(part.changed) == (4, 6, 2, 0, 0)  # against what stood there before the first call
    after = gold(root, "busy")
    assert after == [*(row for row in before if row[0] <= "01 12:00"), *SINCE_NOON]
    assert happened(before, after)[2:] == (2, 0, 0)

    plan = plan_backfill(open_at(root), ask("busy", hours=4))
    whole = run_backfill(open_at(root), ask("busy", hours=4))
    assert (whole.makes_anew, whole.chunks_written, plan.ticks) == (False, 4, 15)
    assert gold(root, "busy") == WHOLE == gold(rebuilt, "busy")
    assert planned(whole.changed) == planned(plan) == happened(after, WHOLE)

    written = commits(root)
    again = run_backfill(open_at(root), ask("busy", hours=4))
    assert (again.outcome, again.rows, again.changed, commits(root)) == (Outcome.SKIPPED, 11, None, written)
    assert [each.outcome for each in build_features(open_at(root)).tables] == [Outcome.SKIPPED] * 3


def test_a_function_is_called_again_over_any_range(root: Path, rebuilt: Path) -> None:
    before, wanted = gold(root, "pace"), gold(rebuilt, "pace")

    def made(after: datetime, through: datetime) -> list[Row]:
        return [row for row in gold(root, "pace") if f"{after:%d %H:%M}" < row[0] <= f"{through:%d %H:%M}"]

    four = instant("2024-01-01 16:00")
    backfill(open_at(root), ask("pace", NOON, four))
    assert made(NOON, four) == [row for row in wanted if "01 12:00" < row[0] <= "01 16:00"]
    assert [row for row in gold(root, "pace") if row[0] > "01 16:00"] == [row for row in before if row[0] > "01 16:00"]
    run_backfill(open_at(root), ask("pace", hours=5))
    assert (
        gold(root, "pace")
        == wanted
        == [
            ("01 10:00", "A", 0.0),
            ("01 11:00", "A", 35.0),
            ("01 11:00", "B", 0.0),
            ("01 12:00", "A", 0.0),
            ("01 13:00", "A", None),
            ("01 13:00", "B", None),
            ("01 14:00", "A", 0.0),
            ("01 16:00", "A", None),
            ("01 16:00", "B", 0.0),
            ("01 18:00", "B", None),
            ("02 00:00", "A", 0.0),
        ]
    )
    with pytest.raises(UsageError, match=r"a table of the kind python; .*; remedy: leave --estimate out"):
        plan_backfill(open_at(root), ask("pace"), estimate=True)


def test_a_changed_statement_takes_the_whole_history(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = root / "conf/base/features/busy.yml"
    declared.write_text(OF_GOLD)
    wanted = gold(rebuild(root, tmp_path / "changed"), "busy")
    with pytest.raises(ConflictError, match="`lakeloop backfill busy` tells its range"):
        build_features(open_at(root))
    with pytest.raises(ConflictError, match="make all of it again"):
        backfill(open_at(root), ask("busy", NOON))
    backfill(open_at(root), ask("newest"))  # what the statement reads
    with monkeypatch.context() as patched:
        kill_after(patched, 1)
        with pytest.raises(KilledError):
            backfill(open_at(root), ask("busy", hours=8))
    with pytest.raises(ConflictError, match="has not come to its end"):
        build_features(open_at(root))
    result = backfill(open_at(root), ask("busy", hours=8))
    assert (result.makes_anew, result.chunks_written) == (True, 1)
    assert gold(root, "busy") == wanted != WHOLE
