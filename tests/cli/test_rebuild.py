"""The verb `rebuild`: its result, and its exit code when the set is not what was pinned. No Spark starts."""

from __future__ import annotations

import json

import pytest

from lakeloop.cli import main
from lakeloop.errors import Failure, NotReadyError
from lakeloop.runs.rebuild import RebuildResult
from lakeloop.statuses import RebuildStatus
from tests.config.small_project import MODEL, write_project

SECOND_MODEL = MODEL.replace("model: late_arrival", "model: second", 1)
REPRODUCED = RebuildResult("late_arrival", "set", RebuildStatus.REPRODUCED, 7, 7, "hash", "hash")
DIFFERENT = RebuildResult("second", "set", RebuildStatus.DIFFERENT, 7, 8, "hash", "other", ("the content hash",))
EXPIRED = RebuildResult(
    "second", "set", RebuildStatus.INPUTS_EXPIRED, 7, None, "hash", None, expired=("gold.weather version 3",)
)


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path / "project", {"conf/base/models/second.yml": SECOND_MODEL})


def rebuild(capsys, monkeypatch, project, found, *more):
    """Call the verb with the results of its models; gives exit code, standard output and standard error."""

    def function(context, name):
        context.progress(f"rebuild {name}")
        if isinstance(found[name], Exception):
            raise found[name]
        return found[name]

    monkeypatch.setattr("lakeloop.runs.rebuild.rebuild_training_set", function)
    with pytest.raises(SystemExit) as stop:
        main(["rebuild", "--as-of", "2013-05-01", "--project", str(project), *more])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_a_reproduced_set_ends_with_zero(capsys, monkeypatch, project):
    found = {"late_arrival": REPRODUCED}
    code, out, _ = rebuild(capsys, monkeypatch, project, found, "--model", "late_arrival", "--json")
    assert code == 0
    assert json.loads(out)["result"]["late_arrival"] == {
        "model": "late_arrival",
        "training_set_id": "set",
        "status": "REPRODUCED",
        "rows": 7,
        "rows_rebuilt": 7,
        "content_hash": "hash",
        "content_hash_rebuilt": "hash",
        "different": [],
        "expired": [],
    }


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (DIFFERENT, "DIFFERENT: the content hash"),
        (EXPIRED, "INPUTS_EXPIRED: gold.weather version 3 can no longer be read"),
    ],
)
def test_a_set_that_is_not_what_was_pinned_ends_with_a_conflict_and_its_result(
    capsys, monkeypatch, project, result, said
):
    code, out, err = rebuild(capsys, monkeypatch, project, {"late_arrival": REPRODUCED, "second": result}, "--json")
    line = json.loads(out.splitlines()[-1])
    assert (code, line["exit_code"], line["outcome"]) == (6, 6, "failed")
    assert line["result"]["late_arrival"]["status"] == "REPRODUCED"
    assert line["result"]["second"]["status"] == result.status.value
    assert line["error"]["retryable"] is False
    assert f"training set set of model second: conflicts with what is recorded\n  - {said}\n  remedy: " in err


def test_a_model_without_a_set_does_not_stop_the_others(capsys, monkeypatch, project):
    missing = NotReadyError("model late_arrival", [Failure("training set", "none is pinned")], "pin one")
    code, out, err = rebuild(capsys, monkeypatch, project, {"late_arrival": missing, "second": REPRODUCED})
    assert code == 5
    assert "REPRODUCED" in out
    assert "model late_arrival: not ready" in err
