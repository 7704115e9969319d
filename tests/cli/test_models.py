"""The verbs below `models`: what they print in a narrow terminal, their JSON line, and how they end."""

from __future__ import annotations

import json

import pytest

from lakeloop.cli import main
from tests.runs.models.conftest import context, registered  # noqa: F401 - fixtures
from tests.runs.models.ledgers import MODEL, aliases, day, judge

WIDTH = 60


@pytest.fixture
def project(context, monkeypatch):  # noqa: F811 - the fixture
    """Two promoted versions; the caller is named by the environment."""
    for number in (1, 2):
        judge(context.at(day(number)), str(number))
    monkeypatch.setenv("LAKELOOP_ACTOR", "ada")
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    return context


@pytest.fixture
def call(project, capsys):
    def called(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["models", *arguments, "--project", str(project.config.root)])
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err

    return called


def test_list_tells_who_is_champion(call):
    code, out, _ = call("list")
    assert (code, out) == (
        0,
        "late: champion is version 2, since 2024-01-03T00:00:00Z\n"
        "  previous: version 1\n"
        "  2 versions judged\n"
        "  last: version 2 was promoted by gate as of\n"
        "      2024-01-03T00:00:00Z\n",
    )
    code, out, _ = call("list", "--as-of", "2024-01-02", "--json")
    line = json.loads(out)
    assert (code, line["verb"], line["as_of"]) == (0, "models list", "2024-01-02T00:00:00Z")
    assert line["result"]["models"][0]["champion"] == "1"


def test_a_rollback_is_one_command_and_stands_in_the_history(call, project):
    code, out, err = call("rollback", MODEL, "--reason", "bias in New York", "--expect", "2")
    assert (code, err) == (0, "")
    assert out == (
        "late: rolled back to version 1 by ada, as of\n"
        "    2024-01-03T00:00:00Z\n"
        "  champion: version 1 for turns after that; before: version\n"
        "      2\n"
        "  reason: bias in New York\n"
    )
    assert aliases(project) == ("1", None, None)
    code, out, _ = call("history", MODEL, "--json")
    events = json.loads(out)["result"]["events"]
    assert [(each["seq"], each["event"], each["version"], each["actor"]) for each in events] == [
        (1, "gate", "1", "gate"),
        (2, "gate", "2", "gate"),
        (3, "rollback", "1", "ada"),
    ]
    code, out, _ = call("history", MODEL)
    assert out.splitlines()[-3:] == [
        "  3  2024-01-03T00:00:00Z  rollback  version 1 promoted,",
        "      before: 2",
        "     ada: bias in New York",
    ]
    assert max(map(len, out.splitlines())) <= WIDTH


def test_show_tells_a_version_in_full(call):
    code, out, _ = call("show", MODEL)
    lines = out.splitlines()
    assert (code, lines[0], lines[1]) == (0, "late version 2: CHAMPION", "  aliases           champion")
    assert "  training set      set-2" in lines
    assert "  PASS  beats_baseline: 0.1 better" in lines
    assert "  brier             challenger 0.2" in lines
    assert lines[-3:] == ["  1  PREVIOUS", "  2  CHAMPION", "  3  UNJUDGED"]
    code, out, _ = call("show", MODEL, "--version", "3", "--json")
    assert json.loads(out)["result"]["state"] == "UNJUDGED"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("rollback", MODEL), 2, "--reason"),
        (("rollback", MODEL, "--reason", " "), 2, "--reason: got nothing"),
        (("rollback", "lat", "--reason", "bias"), 2, "did you mean 'late'?"),
        (("rollback", MODEL, "--reason", "bias", "--version", "3"), 2, "allowed: 1"),
        (("promote", MODEL, "--reason", "better", "--version", "3"), 6, "it never passed the gate"),
        (("promote", MODEL, "--reason", "better", "--version", "9"), 2, "allowed: 1, 2, 3"),
        (("approve", MODEL, "--reason", "fine", "--version", "1"), 6, "it is PREVIOUS, not held"),
        (("approve", MODEL, "--reason", "fine", "--version", "3"), 6, "it is UNJUDGED, not held"),
        (("archive", MODEL, "--reason", "old", "--version", "2"), 6, "it is champion"),
        (("rollback", MODEL, "--reason", "bias", "--expect", "1"), 6, "version 1 was expected, it is version 2"),
        (("rollback", MODEL, "--reason", "bias", "--as-of", "2024-01-02"), 6, "go forward"),
        (("rollback", MODEL, "--reason", "bias", "--as-of", "2150-01-01"), 2, "in the future"),
    ],
)
def test_what_is_refused_says_why_and_has_its_exit_code(call, project, arguments, code, said):
    ended, out, err = call(*arguments)
    assert (ended, out) == (code, "")
    assert said in " ".join(err.split())
    assert aliases(project) == ("2", "1", None)


def test_promote_and_archive_by_somebody_named(call, project):
    code, out, _ = call(
        "promote", MODEL, "--version", "3", "--reason", "better", "--by", "release 7", "--despite-gate", "--json"
    )
    result = json.loads(out)["result"]
    assert (code, result["champion"], result["before"], result["actor"]) == (0, "3", "2", "release 7")
    code, out, _ = call("archive", MODEL, "--version", "2", "--reason", "old")
    assert (code, out.splitlines()[0]) == (0, "late: archived version 2 by ada, as of 2024-01-03T00:00:00Z")
    assert aliases(project) == ("3", "1", None)
