"""The verbs that tell what is declared of features, and the one that builds them, which keeps its call."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakeloop.cli import main
from lakeloop.cli.verbs import Step
from tests.config.small_project import write_project
from tests.discovery.tagged_project import TAGGED

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project", TAGGED)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], project: Path) -> Call:
    """Call the command line on the project; gives exit code, standard output and standard error."""

    def ended(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([*arguments, "--project", str(project)])
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return stop.value.code, captured.out, captured.err

    return ended


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Replace the steps by ones that answer at once; gives the calls: step and logical now."""
    calls: list[tuple[str, str]] = []

    def run_step(context: Any, name: str, function: Callable[..., Any]) -> Any:
        calls.append((name, context.turn))
        return function(context)

    monkeypatch.setattr(Step, "load", lambda _: lambda __: {"tables": 2})
    monkeypatch.setattr("lakeloop.runs.ledger.run_step", run_step)
    return calls


def line(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def test_the_verb_still_builds(call: Call, built: list[tuple[str, str]]) -> None:
    code, out, _ = call("features", "--as-of", "2013-05-01", "--json")
    assert (code, built) == (0, [("features", "2013-05-01T04:00:00Z")])
    assert line(out) == {
        "verb": "features",
        "as_of": "2013-05-01T04:00:00Z",
        "outcome": "done",
        "exit_code": 0,
        "run_id": line(out)["run_id"],
        "result": {"tables": 2},
    }


def test_the_verb_still_needs_its_instant(call: Call, built: list[tuple[str, str]]) -> None:
    code, out, err = call("features", "--json")
    assert (code, built, line(out)["error"]["type"]) == (2, [], "UsageError")
    assert "Missing option '--as-of'." in err


def test_an_option_before_a_verb_below_is_not_lost_without_a_word(call: Call, built: list[tuple[str, str]]) -> None:
    code, _, err = call("features", "--as-of", "2013-05-01", "show", "readings")
    assert (code, built) == (2, [])
    assert "Write --as-of after 'lakeloop features show'." in err


def test_list_names_every_feature(call: Call) -> None:
    code, out, _ = call("features", "list")
    assert code == 0
    for piece in ("carrier_delays  [delays]", "max_delay_minutes_1d", "late_arrival  [slow]", "readings"):
        assert piece in out
    _, out, _ = call("features", "list", "--json")
    (delays, readings) = line(out)["result"]["tables"]
    assert (len(delays["features"]), readings["features"][1]["tags"]) == (7, ["pii"])


def test_show_and_search_answer_as_text_and_as_json(call: Call) -> None:
    assert "unit          Beaufort" in call("features", "show", "readings.wind_level")[1]
    assert line(call("features", "show", "readings.wind_level", "--json")[1])["result"]["feature"]["unit"] == "Beaufort"
    assert "readings.wind_level" in call("features", "search", "storm")[1]
    found = line(call("features", "search", "storn", "--json")[1])
    assert (found["exit_code"], found["result"]["did_you_mean"]) == (0, ["storm"])


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("features", "show", "reading"), "did you mean 'readings'?"),
        (("impact", "outcoms"), "did you mean 'outcomes'?"),
    ],
)
def test_an_unknown_name_is_wrong_use(call: Call, arguments: tuple[str, ...], meant: str) -> None:
    code, out, err = call(*arguments, "--json")
    assert (code, line(out)["error"]["type"]) == (2, "UsageError")
    assert meant in err


def test_impact_answers_as_text_and_as_json(call: Call) -> None:
    assert "model late_arrival" in call("impact", "outcomes")[1]
    found = line(call("impact", "outcomes.delay_minutes", "--json")[1])
    assert (found["verb"], found["result"]["models"]) == ("impact", ["late_arrival"])
    assert {"part": "derived column", "of": "outcomes", "name": "is_late"}.items() <= found["result"]["effects"][
        0
    ].items()


def test_show_refuses_an_instant_nobody_has_seen(call: Call) -> None:
    code, _, err = call("features", "show", "readings", "--as-of", "2199-01-01")
    assert code == 2
    assert "in the future" in err


def test_what_is_declared_needs_no_spark(project: Path) -> None:
    code = (
        "import json, sys\nfrom lakeloop.cli import main\n"
        "for call in json.loads(sys.argv[1]):\n"
        "    try:\n        main(call)\n"
        "    except SystemExit as stop:\n        assert stop.code == 0, stop.code\n"
        "    assert 'pyspark' not in sys.modules, call"
    )
    verbs = (
        ["features", "list"],
        ["features", "show", "readings"],
        ["features", "search", "wind"],
        ["impact", "weather"],
    )
    calls = json.dumps([[*verb, "--project", str(project)] for verb in verbs])
    done = subprocess.run([sys.executable, "-c", code, calls], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
