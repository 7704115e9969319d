"""The verbs that read flags and decisions: what they print in a narrow terminal, and their JSON line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lakeloop import schemas
from lakeloop.cli import main
from lakeloop.config.decide import Decide
from lakeloop.decisions.flags import Flag
from lakeloop.decisions.policy import DecisionInputs, to_row
from lakeloop.runs.context import Context
from lakeloop.runs.flags import clear_flags, raise_flags
from lakeloop.statuses import FlagKind
from lakeloop.tables import WriteIdentity
from tests.laws.small_loop import write_project

WIDTH = 60
JAN_28, JAN_31, FEB_4 = (datetime(2024, *day, tzinfo=UTC) for day in ((1, 28), (1, 31), (2, 4)))
BIAS = Flag(FlagKind.BIAS, "late", "2", "bias", JAN_28, JAN_31, JAN_31, {"metrics": {"bias": 0.31}, "limit": 0.2})


@pytest.fixture
def project(tmp_path, monkeypatch) -> Context:
    """Two flags, one of them over, and two decisions."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    context = Context(write_project(tmp_path), FEB_4)
    drift = replace(BIAS, kind=FlagKind.REGIME_DRIFT, subject="hour_of_day")
    raise_flags(context.at(JAN_31), "late", [BIAS, drift])
    clear_flags(context, "late", [drift])
    for as_of, champion in ((JAN_31, None), (FEB_4, "2")):
        inputs = DecisionInputs(as_of, champion, None, None, 9 if champion is None else 0, 0, (), True)
        row = to_row(Decide(), inputs) | {"decision_id": f"d-{as_of:%d}", "model": "late", "attempt": 1}
        context.lake.append_own(schemas.DECISIONS, [row], WriteIdentity("decide", f"late {as_of:%d}"))
    return context


@pytest.fixture
def call(project, capsys):
    def called(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([*arguments, "--project", str(project.config.root)])
        captured = capsys.readouterr()
        return stop.value.code, captured.out

    return called


def test_open_flags_are_shown_and_ended_ones_when_asked_for(call):
    code, out = call("flags")
    assert (code, out) == (
        0,
        "late: 1 flag open\n"
        "  OPEN  bias on bias, version 2\n"
        "    since 2024-01-31T00:00:00Z, window to\n"
        "        2024-01-31T00:00:00Z\n"
        "    limit 0.2\n",
    )
    code, out = call("flags", "late", "--all")
    assert code == 0
    assert out.splitlines()[0] == "late: 1 flag open, 1 ended"
    assert "  RESOLVED  regime_drift on hour_of_day, version 2" in out.splitlines()
    assert "    alarm over" in out.splitlines()
    assert max(map(len, out.splitlines())) <= WIDTH
    _, out = call("flags", "--as-of", "2024-01-31", "--json")  # before one of them was over
    line = json.loads(out)
    assert (line["verb"], line["as_of"]) == ("flags", "2024-01-31T00:00:00Z")
    shown = {each["subject"]: each for each in line["result"]["flags"]}
    assert {subject: each["state"] for subject, each in shown.items()} == {"bias": "OPEN", "hour_of_day": "OPEN"}
    assert shown["bias"]["evidence"]["metrics"] == {"bias": 0.31}


def test_decisions_are_shown_newest_first_with_what_fired(call):
    code, out = call("decisions")
    assert (code, out) == (
        0,
        "late: 2 decisions\n"
        "  2024-02-04T00:00:00Z  none\n"
        "    newly_closed_days: blocks retraining: no training yet, 0\n"
        "        days are closed in all, 7 are needed\n"
        "  2024-01-31T00:00:00Z  retrain\n"
        "    first_training: asks to retrain: no version serves, 9\n"
        "        days are closed, 7 are needed\n",
    )
    _, out = call("decisions", "late", "--limit", "1", "--json")
    (shown,) = json.loads(out)["result"]["decisions"]
    assert (shown["action"], shown["is_recomputed"], len(shown["reasons"])) == ("none", True, 12)


def test_a_row_that_does_not_give_its_action_is_told(call, project):
    inputs = DecisionInputs(FEB_4, None, None, None, 9, 0, (), True)
    row = to_row(Decide(), inputs) | {"decision_id": "d", "model": "late", "attempt": 2, "action": "none"}
    project.lake.append_own(schemas.DECISIONS, [row], WriteIdentity("decide", "late changed"))
    _, out = call("decisions", "--limit", "1")
    told = " ".join(out.split())
    assert "none, attempt 2" in told
    assert "computed again from its row it is another: the row was changed" in told


def test_an_unknown_model_is_refused_with_its_remedy(call, capsys):
    code, _ = call("flags", "lat")
    assert code == 2


def test_a_decision_that_is_not_recorded(call, project):
    before = len(project.lake.own_rows(schemas.DECISIONS, None))
    code, out = call("decide", "--as-of", "2024-02-04", "--dry-run", "--json")
    decided = json.loads(out)["result"]["late"]
    assert (code, decided["action"], decided["outcome"]) == (0, "notify", "EMPTY")
    assert len(project.lake.own_rows(schemas.DECISIONS, None)) == before
