"""The demo around its turns: what lands before each, what is skipped, what is cleared. The turns are stand-ins here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from lakeloop import schemas
from lakeloop.config import load_config, parse_as_of
from lakeloop.config.tree import Config
from lakeloop.demo.loop import MARKER, MODELS, TURNS, clear_workspace, run_demo
from lakeloop.demo.results import DemoResult, Loss
from lakeloop.errors import BusyError, ConflictError, UsageError
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.ledger import StepRecord, record_run
from lakeloop.runs.process_use import ProcessUse
from lakeloop.tables import WriteIdentity
from tests.config.small_project import MODEL, edited, write_project

PROJECT_ROOT = Path(__file__).parents[2]


# --- turns ------------------------------------------------------------------------------------------------------------


def test_the_demo_has_four_turns_at_new_york_midnight() -> None:
    zone = load_config(PROJECT_ROOT).project.zone
    assert [parse_as_of(turn.date, zone) for turn in TURNS["demo"]] == [
        datetime(2013, month, 1, 4, tzinfo=UTC) for month in (4, 5, 6, 7)
    ]
    assert [turn.months for turn in TURNS["demo"]] == [(1, 2, 3), (4,), (5,), (6,)]


def test_the_year_goes_on_monthly_to_its_last_day() -> None:
    year = TURNS["year"]
    assert year[:4] == TURNS["demo"]
    assert [turn.date for turn in year[4:]] == [
        *("2013-08-01", "2013-09-01", "2013-10-01", "2013-11-01", "2013-12-01", "2013-12-31"),
    ]
    assert [month for turn in year for month in turn.months] == list(range(1, 13))
    assert all(earlier.date < later.date for earlier, later in pairwise(year))


def test_every_length_has_models_that_the_reference_project_declares() -> None:
    declared = load_config(PROJECT_ROOT).models
    assert MODELS == {"demo": ("late_arrival",), "year": ("late_arrival", "arrival_delay")}
    assert all(name in declared for names in MODELS.values() for name in names)


def test_another_project_is_told_what_to_run_instead(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"conf/base/models/late_arrival.yml": MODEL.replace("late_arrival", "other", 1)})
    with pytest.raises(UsageError, match="without the model late_arrival"):
        run_demo(root)
    assert not (root / "workspace").exists()


def test_tables_in_a_catalog_are_not_for_the_demo(tmp_path: Path) -> None:
    root = write_project(tmp_path, edited("conf/base/project.yml", "retention:", "catalog: main\nretention:"))
    with pytest.raises(UsageError, match="tables in the catalog main"):
        run_demo(root)


# --- clearing the workspace -------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_project(tmp_path / "project"))


def fill(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("content")


def test_a_workspace_that_is_not_there_is_fine(config: Config) -> None:
    clear_workspace(config)
    assert not config.workspace.exists()


@pytest.mark.parametrize(
    "files",
    [
        (MARKER, "landing/outcomes/a.csv", "notes.txt"),
        ("ops/runs/_delta_log/00000000000000000000.json", "mlflow.db"),
        ("bronze/outcomes/_delta_log/00000000000000000000.json", ".lakeloop.lock"),
        (".lakeloop.lock",),
    ],
)
def test_a_workspace_of_lakeloop_is_emptied_and_its_folder_stays(config: Config, files: tuple[str, ...]) -> None:
    fill(config.workspace, *files)
    clear_workspace(config)
    assert [path.name for path in config.workspace.iterdir()] == [".lakeloop.lock"]


@pytest.mark.parametrize("files", [("thesis.docx",), ("ops/readme.md",), ("landing/outcomes/a.csv",)])
def test_any_other_folder_is_left_alone(config: Config, files: tuple[str, ...]) -> None:
    fill(config.workspace, *files)
    with pytest.raises(ConflictError, match="the demo did not make it"):
        clear_workspace(config)
    assert all((config.workspace / file).read_text() == "content" for file in files)


def test_a_file_in_place_of_the_workspace_is_left_alone(config: Config) -> None:
    config.workspace.write_text("content")
    with pytest.raises(ConflictError, match="it is not a folder"):
        clear_workspace(config)
    assert config.workspace.read_text() == "content"


@pytest.mark.parametrize("workspace", [".", ".."])
def test_a_workspace_that_holds_the_project_is_never_cleared(tmp_path: Path, workspace: str) -> None:
    root = tmp_path / "outer" / "project"
    config = load_config(
        write_project(root, edited("conf/base/project.yml", "retention:", f"workspace: {workspace}\nretention:"))
    )
    fill(config.workspace, MARKER)
    with pytest.raises(ConflictError, match="it holds "):
        clear_workspace(config)
    assert (root / "conf" / "base" / "project.yml").is_file()


def test_a_workspace_that_holds_the_home_is_never_cleared(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(config.workspace, MARKER, "me/letters.txt")
    monkeypatch.setenv("HOME", str(config.workspace / "me"))
    with pytest.raises(ConflictError, match="it holds "):
        clear_workspace(config)
    assert (config.workspace / "me" / "letters.txt").is_file()


def test_what_a_link_points_to_is_kept(config: Config, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "data.csv")
    fill(config.workspace, MARKER)
    (config.workspace / "linked").symlink_to(tmp_path / "elsewhere")
    clear_workspace(config)
    assert (tmp_path / "elsewhere" / "data.csv").is_file()
    assert not (config.workspace / "linked").exists()


def test_a_workspace_behind_a_link_is_emptied_in_its_place(config: Config, tmp_path: Path) -> None:
    fill(tmp_path / "disk", MARKER, "ops/runs/part.parquet")
    config.workspace.symlink_to(tmp_path / "disk")
    clear_workspace(config)
    assert config.workspace.is_symlink()
    assert not (tmp_path / "disk" / "ops").exists()


@pytest.fixture
def held(config: Config) -> Iterator[None]:
    fill(config.workspace, MARKER, "ops/runs/part.parquet")
    with FileLock(config.workspace / ".lakeloop.lock", is_singleton=False):
        yield


@pytest.mark.usefixtures("held")
def test_a_workspace_another_job_holds_is_left_alone(config: Config) -> None:
    with pytest.raises(BusyError, match="another job holds it"):
        clear_workspace(config)
    assert (config.workspace / "ops" / "runs" / "part.parquet").is_file()


# --- turn by turn -----------------------------------------------------------------------------------------------------


class Stage:
    """Stand-ins for landing and turns, and what they were asked to do."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.landed: list[tuple[int, ...]] = []
        self.turns: list[str] = []
        self.models: set[tuple[str, ...]] = set()
        self.progress: list[str] = []
        self.stop_at = stop_at

    def land(self, landing: Path, months: Sequence[int]) -> None:
        assert landing.parent.name == "workspace"
        self.landed.append(tuple(months))

    def turn(self, context: Context, models: Sequence[str]) -> None:
        """Leave what a turn leaves in the ledger and in the performance table."""
        context.progress("score late_arrival")
        date = context.turn[:10]
        if date == self.stop_at:
            raise KeyboardInterrupt
        self.turns.append(date)
        self.models.add(tuple(models))
        version = str(len(self.turns))
        metrics = {"challenger": {"log_loss": 0.5}, "baseline": {"log_loss": 0.6}}
        results: list[tuple[str, str | None, dict[str, Any]]] = [
            ("ingest", None, {}),
            ("score", "late_arrival", {"rows": 10}),
            ("monitor", "late_arrival", {"model_version": version, "drifted": [], "flags": 0}),
            ("decide", "late_arrival", {"action": "retrain"}),
            ("train", "late_arrival", {"model_version": version, "gate": {"outcome": "promoted", "metrics": metrics}}),
        ]
        start = datetime(2026, 1, 1, tzinfo=UTC)
        records = [
            StepRecord(
                step, subject, result, start + timedelta(seconds=place), 2.0, 1.0, ProcessUse(1.0, 100, None), {}
            )
            for place, (step, subject, result) in enumerate(results)
        ]
        with context.lake.writing():
            record_run(context, "run", None, records)
            week = {"start": context.as_of - timedelta(days=7), "end": context.as_of}
            row = {
                **{"model": "late_arrival", "model_version": version, "window": week, "metric": "log_loss"},
                **{"value": 0.4, "baseline": 0.5, "rows": 10, "rows_void": 0, "closed_days": 7, "status": "OK"},
                "as_of": context.as_of,
            }
            other = {**row, "metric": "roc_auc", "value": 0.7}
            context.lake.append_own(schemas.PERFORMANCE, [row, other], WriteIdentity("monitor", context.turn))

    def report(self, context: Context) -> Path:
        path = context.config.workspace / "report.html"
        path.write_text(context.turn)
        return path

    def play(self, root: Path, monkeypatch: pytest.MonkeyPatch, *, resume: bool = False) -> DemoResult:
        for name, stand_in in (("land_flights", self.land), ("run_turn", self.turn), ("write_report", self.report)):
            monkeypatch.setattr(f"lakeloop.demo.loop.{name}", stand_in)
        monkeypatch.setitem(TURNS, "demo", TURNS["demo"][:3])
        return run_demo(root, resume=resume, progress=self.progress.append)


@pytest.mark.usefixtures("spark")
def test_a_demo_runs_its_turns_in_order_and_resumes_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_project(tmp_path)
    fill(root / "workspace", MARKER, "left/over.txt")
    stopped = Stage(stop_at="2013-06-01")
    with pytest.raises(KeyboardInterrupt):
        stopped.play(root, monkeypatch)
    assert stopped.landed == [(1, 2, 3), (4,), (5,)]
    assert not (root / "workspace" / "left").exists()
    assert stopped.progress[:3] == [
        "starting Spark",
        "turn 1 of 3, as of 2013-04-01: landing",
        "turn 1 of 3, as of 2013-04-01: score late_arrival",
    ]

    resumed = Stage()
    result = resumed.play(root, monkeypatch, resume=True)
    assert (resumed.turns, resumed.landed) == (["2013-06-01"], [(5,)])
    assert resumed.models == {("late_arrival",)}
    assert resumed.progress[1] == "turn 1 of 3, as of 2013-04-01: done before"
    assert result.as_of == datetime(2013, 6, 1, 4, tzinfo=UTC)
    assert [instant_text(turn.as_of) for turn in result.turns] == [f"2013-0{month}-01T04:00:00Z" for month in (4, 5, 6)]
    assert {turn.realised for turn in result.turns} == {Loss(0.4, 0.5)}
    assert {turn.holdout for turn in result.turns} == {Loss(0.5, 0.6)}
    assert [turn.champion for turn in result.turns] == ["1", "2", "1"]
    assert [(each.step, each.calls) for each in result.steps] == [
        *(("ingest", 3), ("score", 3), ("monitor", 3), ("decide", 3), ("train", 3), ("report", 1)),
    ]
    assert result.turn_seconds == {f"2013-0{month}-01": 10.0 for month in (4, 5, 6)}
    assert result.report.read_text() == "2013-06-01T04:00:00Z"

    again = Stage()
    assert again.play(root, monkeypatch, resume=True).turns == result.turns
    assert (again.turns, again.landed) == ([], [])
