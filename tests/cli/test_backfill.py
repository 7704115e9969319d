"""The verb `backfill`: what it prints, what it refuses, and that a plan changes nothing."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.errors import PySparkException

from lakeloop.cli import main
from lakeloop.config.loading import load_config
from lakeloop.errors import DataContractError
from lakeloop.runs import backfill_plan
from lakeloop.runs.backfill import BackfillResult
from lakeloop.runs.backfill_plan import BackfillPlan, ReaderAbove, TouchedPredictions, TouchedSet, compare_scope
from lakeloop.runs.backfill_scope import Asked
from lakeloop.runs.outdated import OutdatedChampion
from lakeloop.statuses import Outcome
from tests.config.small_project import write_project
from tests.factories import instant

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Call = Callable[..., tuple[int, str, str]]

BUSY = """\
feature_table: busy
entity: [carrier]
every: 1 day
needs: 28 days
sql: select carrier, count(*) as flights from outcomes group by carrier
features: {flights: {type: long}}
"""
RANGE = ("--from", "2024-01-16", "--to", "2024-02-04")
PLAN = BackfillPlan(
    feature_table="carrier_delays",
    after="2024-01-16T00:00:00Z",
    through="2024-02-04T00:00:00Z",
    ticks=456,
    chunks=1,
    makes_anew=False,
    is_estimate=False,
    rows_now=919,
    rows_after=920,
    rows_added=1,
    rows_changed=59,
    rows_removed=0,
    instants_differ=60,
    first_difference="2024-01-22T11:00:00Z",
    last_difference="2024-01-30T06:00:00Z",
    training_sets=(
        TouchedSet("6a9450e62eaceb89571c1bb3b4b41bf0", "late", "2024-01-25T00:00:00Z", 513, 12),
        TouchedSet("c270cb9455860f557bbfde281c2a9e40", "late", "2024-02-04T00:00:00Z", 741, 27),
    ),
    predictions=(TouchedPredictions("late", 12),),
    champions=(OutdatedChampion("late", "2", "c270cb9455860f557bbfde281c2a9e40"),),
    tables_above=("busy",),
    readers_above=(
        ReaderAbove("busy", "late", "c270cb9455860f557bbfde281c2a9e40"),
        ReaderAbove("busy", "late", None),
    ),
)
FIGURES = """\
feature_table: carrier_delays
after: 2024-01-16T00:00:00Z
through: 2024-02-04T00:00:00Z
ticks: 456
chunks: 1
makes_anew: no
is_estimate: no
rows_now: 919
rows_after: 920
rows_added: 1
rows_changed: 59
rows_removed: 0
instants_differ: 60
first_difference: 2024-01-22T11:00:00Z
last_difference: 2024-01-30T06:00:00Z
"""
WIDE = """\
training_sets
  training_set_id                   model  as_of                 rows  rows_touched
  6a9450e62eaceb89571c1bb3b4b41bf0  late   2024-01-25T00:00:00Z   513            12
  c270cb9455860f557bbfde281c2a9e40  late   2024-02-04T00:00:00Z   741            27
predictions
  model  rows
  late     12
champions
  model  model_version  training_set_id
  late   2              c270cb9455860f557bbfde281c2a9e40
tables_above: busy
readers_above
  feature_table  model  training_set_id
  busy           late   c270cb9455860f557bbfde281c2a9e40
  busy           late   -
"""
NARROW = """\
training_sets
  training_set_id: 6a9450e62eaceb89571c1bb3b4b41bf0
  model: late
  as_of: 2024-01-25T00:00:00Z
  rows: 513
  rows_touched: 12

  training_set_id: c270cb9455860f557bbfde281c2a9e40
  model: late
  as_of: 2024-02-04T00:00:00Z
  rows: 741
  rows_touched: 27
predictions
  model  rows
  late     12
champions
  model  model_version  training_set_id
  late   2              c270cb9455860f557bbfde281c2a9e40
tables_above: busy
readers_above
  feature_table  model  training_set_id
  busy           late   c270cb9455860f557bbfde281c2a9e40
  busy           late   -
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", {"conf/base/features/busy.yml": BUSY})


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the verb on a project; gives exit code, standard output and standard error."""

    def ended(project: Path, *arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["backfill", *arguments, "--project", str(project)])
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, captured.out, captured.err

    return ended


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Asked]]:
    """Answer plans and backfills at once; gives what was asked for."""
    calls: list[tuple[str, Asked]] = []

    def plan(_: Any, what: Asked, *, estimate: bool) -> BackfillPlan:
        calls.append(("estimate" if estimate else "plan", what))
        return PLAN

    def run(_: Any, what: Asked) -> BackfillResult:
        calls.append(("run", what))
        return BackfillResult("busy", PLAN.after, PLAN.through, False, 1, 1, 920, Outcome.WRITTEN, PLAN)

    monkeypatch.setattr("lakeloop.runs.backfill_plan.plan_backfill", plan)
    monkeypatch.setattr("lakeloop.runs.backfill.run_backfill", run)
    return calls


@pytest.mark.parametrize(("columns", "wanted"), [(None, WIDE), (82, NARROW), (83, WIDE), (60, NARROW)])
def test_a_plan_tells_every_figure_in_a_terminal_of_any_width(
    call: Call, project: Path, asked: list[Any], monkeypatch: pytest.MonkeyPatch, columns: int | None, wanted: str
) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, _ = call(project, "carrier_delays", *RANGE, "--as-of", "2024-02-05", "--plan")
    assert (code, out) == (0, FIGURES + wanted)


def test_the_options_reach_the_job(call: Call, project: Path, asked: list[Any]) -> None:
    for more in (("--plan",), ("--plan", "--estimate"), ("--chunk", "7 days")):
        assert call(project, "carrier_delays", *RANGE, "--as-of", "2024-02-05", *more)[0] == 0
    assert [(what, each.chunk and each.chunk.days) for what, each in asked] == [
        ("plan", None),
        ("estimate", None),
        ("run", 7),
    ]
    # Dates begin in the project's time zone, New York.
    assert {(each.after, each.through) for _, each in asked} == {
        (instant("2024-01-16 05:00"), instant("2024-02-04 05:00"))
    }


def test_the_run_tells_what_it_did_and_what_differs(call: Call, project: Path, asked: list[Any]) -> None:
    code, out, _ = call(project, "carrier_delays", *RANGE, "--as-of", "2024-02-05")
    lines = out.splitlines()
    assert (code, lines[3:9]) == (
        0,
        ["makes_anew: no", "chunks: 1", "chunks_written: 1", "rows: 920", "outcome: WRITTEN", "changed"],
    )
    assert "  rows_changed: 59" in lines
    found = json.loads(call(project, "carrier_delays", *RANGE, "--as-of", "2024-02-05", "--json")[1])
    assert (found["exit_code"], found["result"]["changed"]["predictions"]) == (0, [{"model": "late", "rows": 12}])


@pytest.mark.parametrize(
    ("table", "more", "told"),
    [
        ("carrier_delay", ("--plan",), "FEATURE_TABLE: got 'carrier_delay'; allowed: busy, carrier_delays, readings;"),
        (
            "carrier_delay",
            (),
            "FEATURE_TABLE: got 'carrier_delay'; allowed: busy, carrier_delays, readings; remedy: ",
        ),
        (
            "busy",
            ("--plan", "--estimate"),
            "--estimate: got busy, a table of the kind sql; allowed: tables of the k",
        ),
    ],
)
def test_what_cannot_be_made_again_is_refused_before_spark_starts(
    call: Call, project: Path, monkeypatch: pytest.MonkeyPatch, table: str, told: str, more: tuple[str, ...]
) -> None:
    monkeypatch.setattr("lakeloop.runs.context.open_session", lambda *_: pytest.fail("Spark was started"))
    code, out, err = call(project, table, *RANGE, "--as-of", "2024-02-05", *more)
    assert (code, out) == (2, "")
    assert err.startswith(told)
    assert "; remedy: " in err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--estimate",), "--estimate: got without --plan; allowed: with --plan; remedy: add --plan, or leave it out"),
        (("--chunk", "soon"), "--chunk: got 'soon'; allowed: "),
        (("--from", "yesterday"), "--from: got "),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    call: Call, project: Path, asked: list[Any], more: tuple[str, ...], told: str
) -> None:
    code, out, err = call(project, "carrier_delays", "--as-of", "2024-02-05", *more)
    assert (code, out, asked) == (2, "", [])
    assert err.startswith(told)
    assert "; remedy: " in err


@pytest.mark.loop
@pytest.mark.slow
def test_a_project_is_planned_and_then_made_again(call: Call, spark: SparkSession, tmp_path: Path) -> None:
    from tests.shared import finished_project

    root = Path(shutil.copytree(finished_project().root, tmp_path / "finished"))

    def files() -> dict[Path, bytes]:
        tables = [each for each in root.rglob("*") if each.is_file() and "_delta_log" in each.parts]
        return {each: each.read_bytes() for each in tables}

    before = files()
    stretch = ("--from", "2024-02-03", "--to", "2024-02-04", "--as-of", "2024-02-05")
    code, out, _ = call(root, "shop_delays", *stretch, "--plan")
    found = dict(line.split(": ") for line in out.splitlines())
    told = ("ticks", "rows_changed", "training_sets", "predictions", "champions")
    assert (code, *(found[each] for each in told)) == (0, "24", "0", "-", "-", "-")
    assert found["rows_now"] == found["rows_after"] != "0"
    code, out, err = call(root, "shop_delays", "--from", "2024-02-03", "--to", "2024-02-09", "--as-of", "2024-02-10")
    assert (code, out) == (2, "")
    assert err.startswith("--to: got 2024-02-09T00:00:00Z; allowed: a range up to 2024-02-04T00:00:00Z, through which")
    assert "remedy: the whole history is `lakeloop backfill shop_delays --from " in err
    assert files() == before

    code, out, _ = call(root, "shop_delays", *stretch)
    assert (code, f"rows: {found['rows_now']}\noutcome: WRITTEN\nchanged\n" in out) == (0, True)
    assert files() != before
    again = call(root, "shop_delays", *stretch)
    assert (again[0], again[1].splitlines()[-3:-1]) == (0, ["outcome: SKIPPED", "changed: -"])


FAILS = "Job aborted. Caused by: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012"


def fail(*_: Any, **__: Any) -> None:
    raise PySparkException(FAILS)


def test_an_expression_that_fails_is_named_as_in_a_build(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_plan, "compute_rows", fail)
    config = load_config(project)
    scope: Any = SimpleNamespace(
        table=config.feature_tables["readings"], address="gold.readings", stretch=None, versions={}
    )
    context: Any = SimpleNamespace(config=config, lake=None, progress=lambda _: None)
    with pytest.raises(DataContractError) as raised:
        compare_scope(context, scope, None)
    assert "readings.yml:7: attributes.gust_ratio.as: can't be computed for some row: DIVIDE_BY_ZERO" in str(
        raised.value
    )


def test_what_fails_elsewhere_is_not_told_as_the_tables_own(
    call: Call, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instant of prediction, say, which is computed to find whom the backfill touches."""
    monkeypatch.setattr(backfill_plan, "read_scope", fail)
    code, out, said = call(project, "readings", *RANGE, "--plan", "--as-of", "2024-02-04")
    assert (code != 4, out, "readings" in said) == (True, "", False), said
