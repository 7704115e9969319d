"""`lakeloop compare` and `lakeloop train --training-set`: what is typed, printed and refused; no Spark."""

from __future__ import annotations

import json

import pytest

from lakeloop.cli import main
from lakeloop.errors import ConflictError
from lakeloop.runs import repeat
from lakeloop.runs.repeat import RepeatedMetric, RepeatResult
from lakeloop.statuses import RepeatStatus
from tests.runs.searches import declare, fit_and_register, make_data


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with one training."""
    config = declare(tmp_path_factory.mktemp("compared"))
    fit_and_register(config, make_data(config))
    return config


def call(capsys, *given: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(given))
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def test_runs_are_listed_with_their_choice_and_the_call_that_shows_them(project, capsys):
    code, out, _ = call(capsys, "compare", "late", "--project", str(project.root))
    assert code == 0
    head, names, row, _, hint = out.splitlines()
    assert head == "late: 1 training run, newest first, by log_loss"
    assert names.split()[:3] == ["version", "outcome", "as"]
    assert row.split()[:3] == ["1", "not", "judged"]
    assert hint == f"To see them in a browser: mlflow ui --backend-store-uri {project.tracking_uri}"


def test_trials_of_a_run_are_listed_best_first_by_any_metric(project, capsys):
    asked = ("compare", "late", "--trials", "1", "--metric", "roc_auc", "--json", "--project", str(project.root))
    code, out, _ = call(capsys, *asked)
    result = json.loads(out)["result"]
    assert (code, result["metric"], len(result["runs"])) == (0, "roc_auc", 1)
    values = [each["validation"] for each in result["trials"]]
    assert values == sorted(values, reverse=True)
    assert {each["params"]["C"] for each in result["trials"]} == {0.1, 1.0}


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("compare", "lat"), 2, "NAME: got 'lat'; allowed: late; remedy: did you mean 'late'?"),
        (("compare", "late", "--metric", "loss"), 2, "--metric: got 'loss'; allowed: log_loss"),
        (("compare", "late", "--trials", "9"), 5, "run: there is none of the version or id 9"),
        (("train",), 2, "Missing option '--as-of'."),
        (("train", "--as-of", "2024-01-25", "--seed", "3"), 2, "Write --seed together with --training-set"),
        (("train", "--as-of", "2024-01-25", "--training-set", "abc"), 2, "Leave --as-of, --model and"),
        (("train", "--training-set", "abcdef"), 5, "there is none with the id abcdef"),
    ],
)
def test_what_cannot_be_done_is_refused(project, capsys, given, code, said):
    ended, _, err = call(capsys, *given, "--project", str(project.root))
    assert (ended, said in " ".join(err.split())) == (code, True), err


def test_a_model_that_was_never_trained_has_nothing_to_compare(tmp_path, capsys):
    config = declare(tmp_path)
    code, _, err = call(capsys, "compare", "late", "--project", str(config.root))
    assert (code, "MLflow has no training run of it" in err) == (5, True)


@pytest.mark.parametrize(
    ("status", "code"), [(RepeatStatus.REPRODUCED, 0), (RepeatStatus.NEW, 0), (RepeatStatus.DIFFERENT, 6)]
)
def test_a_repetition_that_differs_is_a_conflict(project, capsys, monkeypatch, status, code):
    is_same = status is RepeatStatus.REPRODUCED
    metric = RepeatedMetric("holdout_log_loss", 0.5, 0.5 if is_same else 0.25, is_same=is_same)
    asked = []

    def repeated(_, set_id, seed):
        asked.append((set_id, seed))
        return RepeatResult("late", set_id, 9, status, "1", (metric,), (), 2)

    monkeypatch.setattr(repeat, "repeat_training", repeated)
    given = ("train", "--training-set", "abcdef", "--seed", "9", "--json", "--project", str(project.root))
    ended, out, _ = call(capsys, *given)
    line = json.loads(out)
    assert (ended, asked, line["result"]["status"]) == (code, [("abcdef", 9)], status.value)
    assert line.get("error", {}).get("type") == (ConflictError.__name__ if code else None)
