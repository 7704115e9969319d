"""The command line: exit codes, the JSON line, how errors are shown. No step is really run, so no Spark starts."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lakeloop import __version__
from lakeloop.cli import main, run_job
from lakeloop.cli.verbs import STEPS, Step
from lakeloop.errors import EXIT_CODES, BusyError, Failure, LakeloopError, NotReadyError, QualityGateError
from lakeloop.runs.plan import STEPS as FLOW
from lakeloop.statuses import Outcome
from tests.config.small_project import MODEL, edited, write_project

PROJECT_ROOT = Path(__file__).parents[1]
SECOND_MODEL = MODEL.replace("model: late_arrival", "model: second", 1)


@dataclass(frozen=True)
class FakeResult:
    subject: str
    rows: int
    outcome: Outcome


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def line(self) -> dict[str, Any]:
        """The JSON object of the last line of standard output."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


Call = Callable[..., Ended]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line and tell how it ended."""

    def ended(*arguments: str | Path) -> Ended:
        with pytest.raises(SystemExit) as stop:
            main([str(each) for each in arguments])
        captured = capsys.readouterr()
        code = stop.value.code
        assert isinstance(code, int)
        return Ended(code, captured.out, captured.err)

    return ended


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", {"conf/base/models/second.yml": SECOND_MODEL})


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None, str]]:
    """Replace every step by one that answers at once; gives the calls: step, model, logical now."""
    calls: list[tuple[str, str | None, str]] = []

    def answer(step: Step) -> Callable[..., FakeResult]:
        def function(context: Any, model: str | None = None) -> FakeResult:
            context.progress(f"{step.verb} {model or 'everything'}")
            return FakeResult(model or "all", 3, Outcome.WRITTEN)

        return function

    def run_step(context: Any, name: str, function: Callable[..., Any], model: str | None = None) -> Any:
        calls.append((name, model, context.turn))
        return function(context) if model is None else function(context, model)

    monkeypatch.setattr(Step, "load", answer)
    monkeypatch.setattr("lakeloop.runs.ledger.run_step", run_step)
    return calls


def fail_with(monkeypatch: pytest.MonkeyPatch, failures: dict[str | None, Exception]) -> None:
    """Let the steps of these models fail; None is a step without a model."""

    def load(step: Step) -> Callable[..., Any]:
        def function(context: Any, model: str | None = None) -> FakeResult:
            if model in failures:
                raise failures[model]
            return FakeResult(model or "all", 3, Outcome.WRITTEN)

        return function

    monkeypatch.setattr(Step, "load", load)


def test_train_is_told_what_may_pass(
    call: Call, project: Path, monkeypatch: pytest.MonkeyPatch, steps: list[Any]
) -> None:
    told: list[Any] = []

    def train(_: Any, model: str, acknowledged: tuple[str, ...] = ()) -> FakeResult:
        told.append((model, acknowledged))
        return FakeResult(model, 3, Outcome.WRITTEN)

    monkeypatch.setattr(Step, "load", lambda _: train)
    of_one = ("train", "--as-of", "2013-05-01", "--project", project, "--model", "second", "--json")
    assert call(*of_one, "--acknowledge", "latency", "--acknowledge", "too_good_roc_auc").code == 0
    assert call(*of_one).code == 0
    assert told == [("second", ("latency", "too_good_roc_auc")), ("second", ())]


# --- results ----------------------------------------------------------------------------------------------------------


def test_a_step_of_the_whole_project_ends_with_one_json_line(call: Call, project: Path, steps: list[Any]) -> None:
    ended = call("ingest", "--as-of", "2013-05-01", "--project", project, "--json")
    assert (ended.code, len(ended.out.splitlines())) == (0, 1)
    assert ended.line == {
        "verb": "ingest",
        "as_of": "2013-05-01T04:00:00Z",
        "outcome": "done",
        "exit_code": 0,
        "run_id": ended.line["run_id"],
        "result": {"subject": "all", "rows": 3, "outcome": "WRITTEN"},
    }
    assert uuid.UUID(ended.line["run_id"])
    assert steps == [("ingest", None, "2013-05-01T04:00:00Z")]


def test_a_step_per_model_runs_for_all_models_by_default(call: Call, project: Path, steps: list[Any]) -> None:
    ended = call("training-set", "--as-of", "2013-05-01T00:00:00Z", "--project", project, "--json")
    assert steps == [
        ("training_set", "late_arrival", "2013-05-01T00:00:00Z"),
        ("training_set", "second", "2013-05-01T00:00:00Z"),
    ]
    assert ended.line["result"] == {
        "late_arrival": {"subject": "late_arrival", "rows": 3, "outcome": "WRITTEN"},
        "second": {"subject": "second", "rows": 3, "outcome": "WRITTEN"},
    }


def test_model_may_be_repeated_and_each_runs_once_in_the_order_given(
    call: Call, project: Path, steps: list[Any]
) -> None:
    models = ("--model", "second", "--model", "late_arrival", "--model", "second")
    call("score", "--as-of", "2013-05-01", "--project", project, *models)
    assert [model for _, model, _ in steps] == ["second", "late_arrival"]


def test_without_json_the_result_is_lines(call: Call, project: Path, steps: list[Any]) -> None:
    ended = call("decide", "--as-of", "2013-05-01", "--project", project, "--model", "second")
    assert ended.out == "second\n  subject: second\n  rows: 3\n  outcome: WRITTEN\n"


def test_without_a_terminal_progress_is_told_only_to_the_curious(call: Call, project: Path, steps: list[Any]) -> None:
    arguments = ("decide", "--as-of", "2013-05-01", "--project", project, "--model", "second")
    assert call(*arguments).err == ""
    assert call(*arguments, "--json").err == ""
    told = [line.strip() for line in call(*arguments, "-v").err.splitlines()]
    assert told == ["loading Spark ...", "decide second ..."]


def test_the_project_is_the_current_folder_by_default(
    call: Call, project: Path, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert call("features", "--as-of", "2013-05-01").code == 0


def test_a_turn_gets_the_context_and_the_models(call: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def run_turn(context: Any, models: Any) -> FakeResult:
        given.append((context.turn, models))
        return FakeResult("turn", 0, Outcome.WRITTEN)

    monkeypatch.setattr("lakeloop.runs.turn.run_turn", run_turn)
    ended = call("run", "--as-of", "2013-05-01", "--project", project, "--json")
    assert given == [("2013-05-01T04:00:00Z", ("late_arrival", "second"))]
    assert (ended.line["verb"], ended.line["result"]["subject"]) == ("run", "turn")


def test_the_report_says_where_it_is(call: Call, project: Path, steps: list[Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("lakeloop.runs.report.write_report", lambda context: context.config.workspace / "report.html")
    ended = call("report", "--as-of", "2013-05-01", "--project", project, "--json")
    assert ended.line["result"] == {"report": str(project.resolve() / "workspace" / "report.html")}
    assert steps == [("report", None, "2013-05-01T04:00:00Z")]


def test_data_docs_say_where_they_are(call: Call, project: Path, steps: list[Any], monkeypatch: Any) -> None:
    monkeypatch.setattr("lakeloop.runs.data_docs.build_data_docs", lambda context: context.config.workspace / "docs")
    ended = call("data-docs", "--as-of", "2013-05-01", "--project", project, "--json")
    assert ended.line["result"] == {"data_docs": str(project.resolve() / "workspace" / "docs")}
    assert steps == [("data_docs", None, "2013-05-01T04:00:00Z")]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (QualityGateError("source outcomes", [Failure("min_rows", "no row")], "mend the feed"), 4, False),
        (NotReadyError("gold.weather", [Failure("table", "does not exist")], "run features"), 5, True),
        (BusyError("workspace", [Failure("lock", "held")], "wait"), 6, True),
    ],
)
def test_an_error_of_ours_is_shown_without_a_trace_and_sets_the_exit_code(
    call: Call, project: Path, steps: list[Any], monkeypatch: Any, error: LakeloopError, code: int, retryable: bool
) -> None:
    fail_with(monkeypatch, {None: error})
    ended = call("ingest", "--as-of", "2013-05-01", "--project", project, "--json")
    assert ended.code == code
    assert ended.err == f"{error}\n"
    assert ended.line == {
        "verb": "ingest",
        "as_of": "2013-05-01T04:00:00Z",
        "outcome": "failed",
        "exit_code": code,
        "run_id": ended.line["run_id"],
        "error": {"retryable": retryable, "type": type(error).__name__, "message": str(error)},
    }


def test_verbose_adds_the_trace(call: Call, project: Path, steps: list[Any], monkeypatch: Any) -> None:
    fail_with(monkeypatch, {None: BusyError("workspace", [Failure("lock", "held")], "wait")})
    ended = call("ingest", "--as-of", "2013-05-01", "--project", project, "-v")
    assert "Traceback (most recent call last)" in ended.err
    assert ended.err.endswith("workspace: busy\n  - lock: held\n  remedy: wait\n")


def test_one_model_that_is_not_ready_does_not_stop_the_others(
    call: Call, project: Path, steps: list[Any], monkeypatch: Any
) -> None:
    fail_with(
        monkeypatch, {"late_arrival": NotReadyError("model late_arrival", [Failure("champion", "none")], "train")}
    )
    ended = call("score", "--as-of", "2013-05-01", "--project", project, "--json")
    assert ended.code == 5
    assert list(ended.line["result"]) == ["second"]
    assert ended.line["error"] == {
        "retryable": True,
        "type": "NotReadyError",
        "message": "model late_arrival: not ready\n  - champion: none\n  remedy: train",
    }


def test_of_several_failures_all_are_told_and_a_retry_must_help_each(
    call: Call, project: Path, steps: list[Any], monkeypatch: Any
) -> None:
    late = NotReadyError("model late_arrival", [Failure("champion", "none")], "train")
    second = QualityGateError("source outcomes", [Failure("min_rows", "no row")], "mend the feed")
    fail_with(monkeypatch, {"late_arrival": late, "second": second})
    ended = call("score", "--as-of", "2013-05-01", "--project", project, "--json")
    assert (ended.code, ended.err) == (5, f"{late}\n{second}\n")
    assert (ended.line["result"], ended.line["error"]["retryable"]) == ({}, False)


def test_any_other_exception_is_one_line(call: Call, project: Path, steps: list[Any], monkeypatch: Any) -> None:
    fail_with(monkeypatch, {None: ZeroDivisionError("first line\nsecond line")})
    ended = call("ingest", "--as-of", "2013-05-01", "--project", project, "--json")
    assert ended.code == 1
    assert ended.err == "unexpected: ZeroDivisionError: first line (add -v to see where)\n"
    assert ended.line["error"] == {
        "retryable": False,
        "type": "ZeroDivisionError",
        "message": "ZeroDivisionError: first line",
    }


def test_a_long_message_of_another_exception_is_cut(
    call: Call, project: Path, steps: list[Any], monkeypatch: Any
) -> None:
    fail_with(monkeypatch, {None: RuntimeError("x" * 5000)})
    ended = call("ingest", "--as-of", "2013-05-01", "--project", project)
    assert ended.err == f"unexpected: RuntimeError: {'x' * 300} (add -v to see where)\n"


def test_an_exception_without_a_message_still_has_a_line(
    call: Call, project: Path, steps: list[Any], monkeypatch: Any
) -> None:
    fail_with(monkeypatch, {None: RuntimeError()})
    ended = call("ingest", "--as-of", "2013-05-01", "--project", project)
    assert ended.err == "unexpected: RuntimeError: without a message (add -v to see where)\n"


def test_an_interrupt_has_the_shell_s_exit_code(call: Call, project: Path, steps: list[Any], monkeypatch: Any) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Step, "load", lambda _: interrupt)
    ended = call("ingest", "--as-of", "2013-05-01", "--project", project, "--json")
    assert (ended.code, ended.err, ended.line["exit_code"]) == (130, "interrupted\n", 130)


def test_an_unknown_model_names_the_known_ones(call: Call, project: Path, steps: list[Any]) -> None:
    ended = call("score", "--as-of", "2013-05-01", "--project", project, "--model", "late_arival")
    assert ended.code == 2
    assert ended.err == (
        "--model: got 'late_arival'; allowed: late_arrival, second; remedy: did you mean 'late_arrival'?\n"
    )
    assert steps == []


def test_a_folder_without_conf_is_wrong_use(call: Call, tmp_path: Path) -> None:
    ended = call("plan", "--project", tmp_path, "--json")
    assert ended.code == 2
    assert ended.err.startswith(f"--project: got {tmp_path.resolve()}, without conf/; allowed: a folder that holds")
    assert ended.line["error"]["type"] == "UsageError"


def test_a_wrong_instant_is_wrong_use_and_the_line_has_none(call: Call, project: Path, steps: list[Any]) -> None:
    ended = call("ingest", "--as-of", "yesterday", "--project", project, "--json")
    assert (ended.code, ended.line["as_of"]) == (2, None)
    assert ended.err.startswith("--as-of: got 'yesterday'; allowed: a date, as in 2013-05-01")


def test_a_mistake_in_the_configuration_has_its_own_code_and_an_unwrapped_place(call: Call, tmp_path: Path) -> None:
    file = "conf/base/sources/weather.yml"
    root = write_project(tmp_path, edited(file, "key: [origin, observed_ts]", "key: [origin, observd_ts]"))
    ended = call("plan", "--project", root)
    assert (ended.code, ended.out) == (3, "")
    assert f"\n{file}:8: key" in ended.err


@pytest.mark.parametrize("arguments", [("ingest",), ("plan", "--nonsense"), ("nonsense",)])
def test_a_command_line_that_cannot_be_read_exits_2_with_a_json_line(call: Call, arguments: tuple[str, ...]) -> None:
    ended = call(*arguments, "--json")
    assert (ended.code, ended.line["exit_code"], ended.line["verb"]) == (2, 2, None)
    assert call(*arguments).out == ""


# --- plan, help, version ----------------------------------------------------------------------------------------------


def test_plan_of_the_reference_project(call: Call) -> None:
    ended = call("plan", "--project", PROJECT_ROOT)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("project flights: conf/base, dates in America/New_York\n")
    line = call("plan", "--project", PROJECT_ROOT, "--json").line
    assert (line["as_of"], line["result"]["workspace"]) == (None, str(PROJECT_ROOT / "workspace"))
    assert [model["model"] for model in line["result"]["models"]] == ["arrival_delay", "late_arrival"]


def test_plan_lays_an_environment_over_the_base(call: Call, project: Path) -> None:
    (project / "conf" / "prod").mkdir()
    (project / "conf" / "prod" / "project.yml").write_text("catalog: main\n")
    line = call("plan", "--project", project, "--env", "prod", "--json").line
    assert (line["result"]["env"], line["result"]["tables"]) == ("prod", "main.<layer>.<name>")


def test_help_lists_every_verb_and_every_exit_code(call: Call) -> None:
    ended = call("--help")
    assert ended.code == 0
    for step in STEPS:
        assert f"  {step.verb}  " in ended.out
    for code, meaning in EXIT_CODES.items():
        assert f"    {code}  {meaning}\n" in ended.out


def test_every_step_of_the_flow_but_the_gate_has_a_verb_in_the_same_order() -> None:
    of_a_turn = [step.verb for step in STEPS if step.verb != "recalibrate"]
    assert of_a_turn == [name for name, _ in FLOW if name != "quality gate"]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.verb))
def test_every_verb_names_a_function_that_exists(step: Step) -> None:
    assert callable(step.load())


def test_version(call: Call) -> None:
    assert call("--version").out == f"lakeloop {__version__}\n"


def test_help_waits_for_neither_spark_nor_the_configuration() -> None:
    code = (
        "import sys\n"
        "from lakeloop.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'pyspark', 'mlflow', 'pandas', 'numpy', 'pydantic', 'sqlglot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_a_job_takes_the_process_s_options_and_always_ends_with_a_json_line(
    project: Path, steps: list[Any], monkeypatch: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--as-of", "2013-05-01", "--project", str(project), "--model", "second"]
    monkeypatch.setattr(sys, "argv", ["jobs/train.py", *arguments])
    with pytest.raises(SystemExit) as stop:
        run_job("train")
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (stop.value.code, line["verb"], list(line["result"])) == (0, "train", ["second"])


def test_a_job_file_for_every_verb_of_a_run_passes_its_exit_code_on(tmp_path: Path) -> None:
    verbs = {*(step.verb for step in STEPS), "run", "publish", "replay"}
    files = {path.stem.replace("_", "-"): path for path in (PROJECT_ROOT / "jobs").glob("*.py")}
    assert set(files) == verbs
    for verb, path in files.items():
        assert f'run_job("{verb}")' in path.read_text()
        assert len(path.read_text().splitlines()) <= 30
    arguments = [sys.executable, str(files["train"]), "--as-of", "2013-05-01", "--project", str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout.splitlines()[-1])["exit_code"] == 2
