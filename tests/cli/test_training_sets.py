"""The verbs below `training-set`, and `vacuum`: what they print, and how they end."""

from __future__ import annotations

import json
import shutil

import pytest

from lakeloop.cli import main
from lakeloop.runs.audit import AuditResult, LeakFinding
from lakeloop.runs.manifests import read_manifests
from lakeloop.statuses import GateStatus, LeakCheck, Outcome
from tests.shared import finished_context


@pytest.fixture
def call(capsys):
    """Call the command line in a finished project; gives exit code, the JSON line and standard error."""

    def called(*arguments, project=None):
        with pytest.raises(SystemExit) as stop:
            main([*arguments, "--project", str(project or finished_context().config.root), "--json"])
        captured = capsys.readouterr()
        return stop.value.code, json.loads(captured.out.splitlines()[-1]), captured.err

    return called


@pytest.fixture
def ids():
    return [each.training_set_id for each in read_manifests(finished_context())]


def test_list_tells_every_set_with_its_status_and_versions(call, ids):
    code, line, _ = call("training-set", "list", "--model", "late")
    assert (code, line["verb"]) == (0, "training-set list")
    assert [
        (each["training_set_id"], each["status"], each["versions"]) for each in line["result"]["training_sets"]
    ] == [
        (ids[0], "LIVE", ["1"]),
        (ids[1], "LIVE", ["2"]),
    ]


def test_show_takes_the_beginning_of_an_id(call, ids):
    code, line, _ = call("training-set", "show", ids[0][:7])
    assert (code, line["result"]["manifest"]["training_set_id"], line["result"]["status"]) == (0, ids[0], "LIVE")


def test_rebuild_makes_a_set_of_any_instant_again(call, ids):
    code, line, _ = call("training-set", "rebuild", ids[0])
    assert (code, line["result"]["status"]) == (0, "REPRODUCED")


def test_diff_names_columns_that_differ(call, ids):
    code, line, _ = call("training-set", "diff", *ids)
    assert (code, list(line["result"]["changes"])) == (0, ["_split"])


def test_a_champions_set_is_not_retired(call, ids):
    code, line, err = call("training-set", "retire", ids[1])
    assert (code, line["outcome"]) == (6, "failed")
    assert "champion: version 2 was trained on it" in err


def test_vacuum_plans_and_refuses_a_wrong_age(call):
    code, line, _ = call("vacuum", "--plan")
    assert (code, line["result"]["is_done"], line["result"]["tables"], line["result"]["held_back"]) == (
        0,
        False,
        [],
        [],
    )
    code, _, err = call("vacuum", "--plan", "--older-than", "soon")
    assert code == 2
    assert "--older-than: got 'soon'" in err
    assert "hours, days or weeks" in err


@pytest.mark.parametrize(("status", "code"), [(GateStatus.WARN, 0), (GateStatus.FAIL, 4), (GateStatus.INSUFFICIENT, 5)])
def test_audit_ends_by_what_it_finds(call, ids, monkeypatch, status, code):
    finding = LeakFinding(LeakCheck.LABEL_COLUMN, "items", status, 1.0, 1.0, "is made of items, as the label is")
    result = AuditResult("late", ids[0], code == 0, (finding,), 7, Outcome.WRITTEN)
    monkeypatch.setattr("lakeloop.runs.audit.audit_training_set", lambda *_: result)
    ended, line, err = call("training-set", "audit", ids[0])
    assert (ended, line["result"]["is_clean"], line["result"]["checks"]) == (code, code == 0, 7)
    assert ("label_column items: is made of items, as the label is" in err) == (code > 0)


def test_a_model_that_is_declared_no_more_is_blamed_on_conf_and_no_option(call, ids, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(finished_context().config.root, root)
    (root / "conf/base/models/late.yml").unlink()
    for verb in ("rebuild", "audit"):
        code, _, err = call("training-set", verb, ids[0], project=root)
        assert code == 6
        assert "model: 'late' is not declared in conf/; there are none" in err
        assert "--model" not in err


@pytest.mark.parametrize("verb", ["show", "rebuild", "retire", "audit"])
def test_an_unknown_set_is_told_with_where_to_look(call, verb):
    code, _, err = call("training-set", verb, "ffffffff")
    assert code == 5
    assert "there is none with the id ffffffff" in err
    assert "`lakeloop training-set list`" in err
