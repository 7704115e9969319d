"""`lakeloop replay`: what is typed, printed, written and refused; no Spark."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakeloop.cli import main
from lakeloop.runs.history import replay as runs
from tests.laws.small_loop import write_project
from tests.replays import sample_replay


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("shops"))


@pytest.fixture
def asked(monkeypatch):
    """What the replay was asked for; nothing is replayed."""
    given = []

    def found(context, name, wanted):
        given.append(wanted)
        return replace(sample_replay(), model=name)

    monkeypatch.setattr(runs, "replay_history", found)
    return given


def call(capsys, project, *given: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *given, "--project", str(project.root)])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


STRETCH = ("late", "--from", "2024-01-25", "--to", "2024-02-14")


def test_by_default_all_policies_run_with_the_monitors_window_between_turns(project, asked, capsys):
    code, out, _ = call(capsys, project, *STRETCH)
    assert code == 0
    (wanted,) = asked
    assert wanted.policies == (
        *("never", "schedule", "weekly", "monthly", "drift", "performance", "declared", "random"),
    )
    first = datetime(2024, 1, 25, tzinfo=UTC)
    assert wanted.turns == tuple(first + timedelta(days=3 * number) for number in range(7))
    assert wanted.draws == 20
    page = project.workspace / "replay" / "late.html"
    assert out.splitlines()[0] == "late: 3 turns from 2013-04-01 to 2013-04-15"
    assert str(page) in out
    assert "<svg" in page.read_text(encoding="utf-8")


def test_policies_turns_and_draws_are_what_is_typed(project, asked, capsys):
    code, _, _ = call(capsys, project, *STRETCH, "--policy", "drift, random", "--every", "10 days", "--draws", "5")
    (wanted,) = asked
    assert code == 0
    assert (wanted.policies, wanted.draws) == (("drift", "random"), 5)
    assert [each.day for each in wanted.turns] == [25, 4, 14]


def test_everything_is_written_where_it_is_asked_for_and_decisions_only_there(project, asked, capsys, tmp_path):
    out_file = tmp_path / "found" / "replay.json"
    code, out, _ = call(capsys, project, *STRETCH, "--out", str(out_file), "--json")
    assert code == 0
    told = json.loads(out.splitlines()[-1])["result"]
    written = json.loads(out_file.read_text(encoding="utf-8"))
    assert told["policies"][1]["decisions"] == []
    assert [each["action"] for each in written["policies"][1]["decisions"]] == ["retrain", "retrain", "none"]
    assert written["policies"][1]["beside_random"]["as_good"] == 8


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("lat", *STRETCH[1:]), "MODEL: got 'lat'; allowed: late; remedy: did you mean 'late'?"),
        ((*STRETCH, "--policy", "hourly"), "--policy: got 'hourly'; allowed: never, schedule, weekly"),
        ((*STRETCH, "--every", "5 hours"), "--every: got 5:00:00; allowed: whole days"),
        ((*STRETCH, "--every", "a while"), "--every: got 'a while'; allowed: whole days, or recorded"),
        ((*STRETCH, "--every", "30 days"), "got 1 turn from 2024-01-25T00:00:00Z"),
        ((*STRETCH, "--every", "recorded"), "got recorded, and the workspace did 0 turns in that stretch"),
        (("late", "--from", "2024-02-14", "--to", "2024-01-25"), "write a later --to"),
        (("late", "--from", "soon", "--to", "2024-01-25"), "--from: got 'soon'"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_a_remedy(project, capsys, given, said):
    code, _, err = call(capsys, project, *given)
    assert code == 2
    assert said in " ".join(err.split())
    assert "remedy" in err
