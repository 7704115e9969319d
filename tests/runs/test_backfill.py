"""Published rows made again from bronze: told first, done once, and then what a build from nothing has."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.errors import ConflictError, UsageError
from lakeloop.runs import backfill as job
from lakeloop.runs.backfill import BackfillResult, backfill, run_backfill
from lakeloop.runs.backfill_plan import BackfillPlan, plan_backfill
from lakeloop.runs.backfill_scope import Asked
from lakeloop.runs.build_state import read_build_state
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.integrity import assert_intact
from lakeloop.runs.ledger import run_step
from lakeloop.statuses import Outcome
from tests.factories import instant

pytestmark = pytest.mark.loop

HABITS = """\
feature_table: habits
entity: [shop]
from: deliveries
every: 1 hour
aggregate:
  - {of: delay_minutes, as: [count, mean], over: [2 hours]}
"""
FILES = {
    "project.yml": "project: shops\nretention: 400 days\n",
    "sources/deliveries.yml": """\
source: deliveries
landing: {path: landing/deliveries}
key: [shop, delivered_ts]
event_ts: delivered_ts
available_ts: known_ts
history: {trusted_until: 2030-01-01}
columns:
  shop: {type: string}
  delivered_ts: {type: timestamp}
  known_ts: {type: timestamp}
  delay_minutes: {type: integer}
""",
    "features/habits.yml": HABITS,
    "features/newest.yml": """\
feature_table: newest
entity: [shop]
from: deliveries
attributes:
  newest_delay: {as: delay_minutes}
""",
}
# Shop, hour at which it was delivered, hour at which that was known, delay; and the turn it landed in.
TURNS: dict[str, list[str]] = {
    "2024-01-01 20:00": ["A 09:20 09:30 5", "B 10:00 10:10 20", "A 13:10 13:20 30"],
    # Known long before, landed only now; beside them a row that came in time.
    "2024-01-02 00:00": ["A 13:30 10:25 40", "B 15:05 15:15 1", "A 23:20 23:30 7"],
}
NOW = instant("2024-01-02 00:00")
START = instant("2024-01-01 09:00")
Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def template(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("backfill")
    for name, text in FILES.items():
        path = root / "conf/base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for at, records in TURNS.items():
        land_and_build(root, instant(at), records)
    return root


def land_and_build(root: Path, at: datetime, records: list[str]) -> None:
    config = load_config(root)
    landing = config.workspace / "landing/deliveries"
    landing.mkdir(parents=True, exist_ok=True)
    lines = ["shop,delivered_ts,known_ts,delay_minutes"]
    for record in records:
        shop, delivered, known, delay = record.split()
        instants = (f"2024-01-{each if 'T' in each else f'01T{each}'}:00Z" for each in (delivered, known))
        lines.append(",".join([shop, *instants, delay]))
    (landing / f"{at:%d%H}.csv").write_text("\n".join(lines) + "\n")
    run_step(Context(config, at), "ingest", ingest)
    run_step(Context(config, at), "features", build_features)


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "project"))


@pytest.fixture(scope="module")
def rebuilt(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gold tables built from nothing over the same bronze."""
    return rebuild(template, tmp_path_factory.mktemp("rebuilt") / "project")


def rebuild(root: Path, to: Path) -> Path:
    copied = Path(shutil.copytree(root, to))
    shutil.rmtree(copied / "workspace/gold")
    build_features(open_at(copied))
    return copied


def open_at(root: Path, as_of: datetime = NOW) -> Context:
    return Context(load_config(root), as_of)


def gold(root: Path, table: str, version: int | None = None) -> list[Row]:
    """Hour, shop and values of every row."""
    found = DeltaTable(str(root / "workspace/gold" / table), version=version).to_pyarrow_table().to_pylist()
    values = ("count_delay_minutes_2h", "mean_delay_minutes_2h") if table == "habits" else ("newest_delay",)
    return sorted((f"{row['available_ts']:%d %H:%M}", row["shop"], *(row[name] for name in values)) for row in found)


def ask(table: str, after: datetime = START, through: datetime = NOW, hours: int | None = None) -> Asked:
    return Asked(table, after, through, None if hours is None else timedelta(hours=hours))


def planned(plan: BackfillPlan | None) -> Row:
    assert plan is not None
    return (plan.rows_now, plan.rows_after, plan.rows_added, plan.rows_changed, plan.rows_removed)


def happened(before: list[Row], after: list[Row]) -> Row:
    """Count what a plan counts, in the tables themselves."""
    old, new = ({row[:2]: row[2:] for row in rows} for rows in (before, after))
    both = old.keys() & new.keys()
    changed = sum(old[key] != new[key] for key in both)
    return len(old), len(new), len(new.keys() - both), changed, len(old.keys() - both)


def commits(root: Path) -> int:
    return len(list(root.glob("workspace/*/*/_delta_log/*.json")))


def test_late_rows_are_found_and_brought_to_where_they_belong(root: Path, rebuilt: Path) -> None:
    context, before, written = open_at(root), gold(root, "habits"), commits(root)
    plan = plan_backfill(context, ask("habits"))
    assert commits(root) == written
    assert (plan.ticks, plan.instants_differ, plan.first_difference, plan.last_difference) == (
        15,
        5,
        "2024-01-01T11:00:00Z",
        "2024-01-01T18:00:00Z",
    )
    assert planned(plan) == (7, 11, 4, 1, 0)
    estimate = plan_backfill(context, ask("habits"), estimate=True)
    assert (estimate.is_estimate, *planned(estimate)) == (True, 7, 11, None, None, None)

    result = run_backfill(context, ask("habits"))
    assert result.summary == "11 rows made again in 1 chunk"
    after = gold(root, "habits")
    assert after == [
        ("01 10:00", "A", 1, 5.0),
        ("01 11:00", "A", 2, 22.5),
        ("01 11:00", "B", 1, 20.0),
        ("01 12:00", "A", 1, 40.0),
        ("01 13:00", "A", 0, None),
        ("01 13:00", "B", 0, None),
        ("01 14:00", "A", 1, 30.0),
        ("01 16:00", "A", 0, None),
        ("01 16:00", "B", 1, 1.0),
        ("01 18:00", "B", 0, None),
        ("02 00:00", "A", 1, 7.0),
    ]
    assert after == gold(rebuilt, "habits")
    assert planned(result.changed) == planned(plan) == happened(before, after)

    version = DeltaTable(str(root / "workspace/gold/habits")).version()
    assert gold(root, "habits", version - 1) == before  # what was pinned can be read
    builds = context.lake.own_rows(schemas.FEATURE_BUILDS, None)
    found = {(row["feature_table"], row["built_from"], row["built_through"], row["gold_version"]) for row in builds}
    assert ("habits", START, NOW, version) in found

    written = commits(root)
    again = run_backfill(open_at(root), ask("habits"))
    assert (again.outcome, again.chunks_written, again.rows, again.changed) == (Outcome.SKIPPED, 0, 11, None)
    assert commits(root) == written
    assert planned(plan_backfill(open_at(root), ask("habits"))) == (11, 11, 0, 0, 0)


def test_of_a_part_only_the_part_is_made_again(root: Path, rebuilt: Path) -> None:
    before = gold(root, "habits")
    asked = ask("habits", instant("2024-01-01 12:40"), instant("2024-01-01 16:59"))  # both floored to ticks
    result = backfill(open_at(root), asked)
    assert (result.after, result.through) == ("2024-01-01T12:00:00Z", "2024-01-01T16:00:00Z")

    def is_inside(row: Row) -> bool:
        return "01 12:00" < row[0] <= "01 16:00"

    after = gold(root, "habits")
    assert [row for row in after if is_inside(row)] == [row for row in gold(rebuilt, "habits") if is_inside(row)]
    assert [row for row in after if not is_inside(row)] == [row for row in before if not is_inside(row)]
    assert happened(before, after) == (7, 9, 2, 0, 0)


@pytest.mark.slow
def test_attributes_lose_what_is_no_news_any_more(root: Path, rebuilt: Path, tmp_path: Path) -> None:
    before, context = gold(root, "newest"), open_at(root)
    whole = plan_backfill(context, ask("newest"))
    assert (whole.ticks, *planned(whole)) == (None, 4, 5, 2, 0, 1)

    noon = instant("2024-01-01 12:00")
    with pytest.raises(UsageError) as refused:
        backfill(context, ask("newest", noon, instant("2024-01-01 16:00")))
    assert (refused.value.where, refused.value.remedy) == (
        "--to",
        "`lakeloop backfill newest --from 2024-01-01T12:00:00Z --to 2024-01-02T00:00:00Z`",
    )
    backfill(context, ask("newest", noon))
    wanted = gold(rebuilt, "newest")
    assert gold(root, "newest") == [
        *(row for row in before if row[0] <= "01 12:00"),
        *(row for row in wanted if row[0] > "01 12:00"),
    ]
    result = backfill(context, ask("newest", hours=2))
    assert result.chunks == 8
    assert (
        gold(root, "newest")
        == wanted
        == [
            ("01 09:30", "A", 5),
            ("01 10:10", "B", 20),
            ("01 10:25", "A", 40),
            ("01 15:15", "B", 1),
            ("01 23:30", "A", 7),
        ]
    )


class KilledError(Exception):
    """Stands for a process that ends."""


def kill_after(monkeypatch: pytest.MonkeyPatch, chunks: int) -> None:
    done = []

    def replace(*given: Any, **named: Any) -> Any:
        if len(done) == chunks:
            raise KilledError
        done.append(1)
        return replace_range(*given, **named)

    replace_range = job.replace_range
    monkeypatch.setattr(job, "replace_range", replace)


@pytest.mark.slow
def test_one_that_was_stopped_goes_on_where_it_stopped(
    root: Path, rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask("habits", hours=5)
    with monkeypatch.context() as patched:
        kill_after(patched, 1)
        with pytest.raises(KilledError):
            backfill(open_at(root), asked)
    state = read_build_state(open_at(root).lake, open_at(root).lake.address("gold", "habits"))
    assert state is not None
    assert (state.built_through, state.unfinished) == (NOW, None)  # a part by the same declaration: still one table
    result = backfill(open_at(root), asked)
    assert (result.chunks, result.chunks_written, result.outcome) == (3, 2, Outcome.WRITTEN)
    assert result.summary == "11 rows made again in 3 chunks, 2 of them now"
    assert planned(result.changed) == (7, 11, 4, 1, 0)  # against what stood there before the first call
    assert gold(root, "habits") == gold(rebuilt, "habits")


@pytest.mark.slow
def test_what_the_first_chunks_changed_is_told_whatever_was_written_before_the_last(
    root: Path, rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        kill_after(patched, 1)
        with pytest.raises(KilledError):
            run_backfill(open_at(root), ask("habits", hours=5))
    six = instant("2024-01-02 06:00")
    # The first is late too, so that the chunk that was done is done again.
    land_and_build(root, six, ["B 22:20 22:30 9", "B 02T01:00 02T01:10 3"])
    result = run_backfill(open_at(root, six), ask("habits", hours=5))
    assert (result.chunks_written, planned(result.changed)) == (3, (7, 12, 5, 1, 0))
    assert gold(root, "habits") == sorted(
        [
            *gold(rebuilt, "habits"),
            ("01 23:00", "B", 1, 9.0),
            ("02 01:00", "B", 0, None),
            ("02 02:00", "A", 0, None),
            ("02 02:00", "B", 1, 3.0),
            ("02 04:00", "B", 0, None),
        ]
    )


@pytest.mark.slow
def test_a_changed_declaration_takes_the_whole_history(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = root / "conf/base/features/habits.yml"
    was = read_build_state(open_at(root).lake, open_at(root).lake.address("gold", "habits"))
    declared.write_text(HABITS.replace("every: 1 hour\n", "every: 1 hour\ndelay: 30 minutes\n"))
    wanted = gold(rebuild(root, tmp_path / "changed"), "habits")

    with pytest.raises(ConflictError, match="lakeloop backfill habits") as refused:
        build_features(open_at(root))
    assert refused.value.failures[0].name == "declaration"
    with pytest.raises(ConflictError, match="make all of it again: `lakeloop backfill habits --from 2024-01-01T09:00"):
        backfill(open_at(root), ask("habits", instant("2024-01-01 12:00")))

    with monkeypatch.context() as patched:
        kill_after(patched, 1)
        with pytest.raises(KilledError):
            backfill(open_at(root), ask("habits", hours=8))
    with pytest.raises(ConflictError, match="has not come to its end") as refused:
        build_features(open_at(root))
    assert "--from 2024-01-01T09:00:00Z --to 2024-01-02T00:00:00Z" in refused.value.remedy

    result = backfill(open_at(root), ask("habits", hours=8))
    assert (result.makes_anew, result.chunks_written) == (True, 1)
    assert gold(root, "habits") == wanted
    assert planned(result.changed)[:2] == (7, len(wanted))
    state = read_build_state(open_at(root).lake, open_at(root).lake.address("gold", "habits"))
    assert was is not None
    assert state is not None
    assert (state.spec_hash == was.spec_hash, state.unfinished) == (False, None)
    assert [each.outcome for each in build_features(open_at(root)).tables] == [Outcome.SKIPPED] * 2

    declared.write_text(HABITS)  # and back: it is another backfill than one done before
    assert backfill(open_at(root), ask("habits")).outcome is Outcome.WRITTEN
    shutil.rmtree(root / "workspace/gold/habits")
    assert_intact(open_at(root))  # lost, and by the last declaration it can be built anew


def test_other_columns_want_another_name(root: Path) -> None:
    declared = root / "conf/base/features/habits.yml"
    declared.write_text(HABITS.replace("[count, mean]", "[count, max]"))
    with pytest.raises(ConflictError, match="new feature_table name") as refused:
        backfill(open_at(root), ask("habits"))
    assert [each.name for each in refused.value.failures] == ["mean_delay_minutes_2h", "max_delay_minutes_2h"]


def test_a_table_that_something_else_changed_is_mended(root: Path, rebuilt: Path) -> None:
    path = str(root / "workspace/gold/habits")
    DeltaTable(path).delete("shop = 'A'")
    with pytest.raises(ConflictError, match="DELETE by something else"):
        assert_intact(open_at(root))
    with pytest.raises(ConflictError, match="changed by something else than lakeloop"):
        run_backfill(open_at(root), ask("habits", instant("2024-01-01 12:00")))
    result = run_backfill(open_at(root), ask("habits"))
    assert (result.makes_anew, *planned(result.changed)) == (True, 2, 11, 9, 0, 0)
    assert gold(root, "habits") == gold(rebuilt, "habits")
    assert_intact(open_at(root))  # whole again


def test_a_table_that_was_lost_is_made_again(root: Path, rebuilt: Path) -> None:
    shutil.rmtree(root / "workspace/gold/habits")
    result = backfill(open_at(root), ask("habits"))
    assert (result.makes_anew, *planned(result.changed)) == (True, 0, 11, 11, 0, 0)
    assert gold(root, "habits") == gold(rebuilt, "habits")
    assert [each.rows for each in build_features(open_at(root)).tables] == [0, 0]


def test_results_say_what_was_done() -> None:
    done = BackfillResult("habits", "a", "b", False, 2, 0, 1200, Outcome.SKIPPED, None)
    assert done.summary == "1,200 rows already made again"
