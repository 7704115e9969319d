"""Law 4 a year later: the project's files, the landing files and the run are enough to train again from nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from lakeloop.cli import main
from lakeloop.config import load_config
from lakeloop.runs.context import Context
from lakeloop.runs.train import SPEC_HASHES_FILE
from lakeloop.runs.training_set import name_spec_hashes
from tests.laws.compare import rows
from tests.laws.small_loop import TURNS

pytestmark = [pytest.mark.loop, pytest.mark.slow]

CLI = "from lakeloop.cli import main; main()"


@pytest.fixture
def newcomer(landed_turn_by_turn, tmp_path):
    """A project folder with the declarations and the landing files alone, and the address of the old tracking store."""
    theirs, root = landed_turn_by_turn, tmp_path / "project"
    shutil.copytree(theirs.root / "conf", root / "conf")
    shutil.copytree(theirs.workspace / "landing", root / "workspace" / "landing")
    (root / "conf" / "again").mkdir()
    told = f"tracking_uri: {theirs.tracking_uri}\n"
    (root / "conf" / "again" / "project.yml").write_text(told, encoding="utf-8")
    return root


def test_a_newcomer_trains_again_in_an_empty_workspace_and_gets_the_recorded_metrics(
    landed_turn_by_turn, newcomer, capsys
):
    there = ("--project", str(newcomer), "--env", "again", "--json")

    def call(*given, code=0):
        with pytest.raises(SystemExit) as ended:
            main([*given, *there])
        told = capsys.readouterr()
        assert ended.value.code == code, told
        line = json.loads(told.out.splitlines()[-1])
        return line["error"]["message"] if code else line["result"]

    (run, *_) = call("compare", "late")["runs"]
    assert (run["version"], run["as_of"]) == ("2", "2024-02-04T00:00:00Z")
    not_yet = call("train", "--training-set", run["training_set_id"], code=5)
    assert f"with --as-of {run['as_of']}, pin it in this workspace" in " ".join(not_yet.split())
    call("ingest", "--as-of", run["as_of"])
    call("features", "--as-of", run["as_of"])
    pinned = call("training-set", "--as-of", run["as_of"])["late"]
    (manifest,) = [row for row in rows(landed_turn_by_turn, "ops/training_sets") if row["as_of"] == TURNS[1]]
    assert (pinned["training_set_id"], pinned["content_hash"]) == (run["training_set_id"], run["content_hash"])
    assert (pinned["rows"], pinned["content_hash"]) == (manifest["rows"], manifest["content_hash"])

    # A process of its own, which knows no more than its command line.
    typed = ("train", "--training-set", run["training_set_id"], "--seed", run["seed"], *there)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    done = subprocess.run(
        [sys.executable, "-c", CLI, *typed], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])["result"]
    assert (result["status"], result["version"], result["packages"]) == ("REPRODUCED", "2", [])
    same = {each["metric"]: each["is_same"] for each in result["metrics"]}
    assert {"validation_log_loss", "holdout_log_loss"} <= set(same)
    assert set(same.values()) == {True}


def test_the_run_tells_by_which_declarations_the_rows_were_made(landed_turn_by_turn, newcomer):
    theirs, config = landed_turn_by_turn, load_config(newcomer, "again")
    registry = Context(theirs, TURNS[1]).registry
    version = registry.list_versions("late")[-1]
    told = registry.read_document(version, SPEC_HASHES_FILE)
    assert list(told) == [
        "feature_table shop_delays",
        "feature_table shop_last",
        "model late",
        "source deliveries",
        "source orders",
    ]
    assert told == name_spec_hashes(Context(config, TURNS[1]), config.models["late"])
    assert told["model late"] == version.tags["spec_hash"]
