"""Secrets are nowhere: a turn with canaries in their places, and every byte that was written searched for them."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from lakeloop.config.loading import load_config
from tests.laws.small_loop import TURNS, land, write_project
from tests.lineage_receiver import receiving

pytestmark = pytest.mark.slow

CANARIES = {
    "LL_STORAGE": "c4nary-st0rage/key==",
    "LL_TOKEN": "c4nary-s3ssion-value",
    "LL_HOOK": "c4nary-h00k-path",
    "LL_SIGN": "c4nary-signature-of-hooks",
    "LL_STORE": "c4nary-st0re-passw",
    "LL_LINE": "c4nary-lin3age-key",
    "LL_BASE": "c4nary-datab4se-passw",
}
"""Variable -> value. Most names do not look like secrets: where they stand says it."""

_SECTIONS = """\
spark:
  spark.master: local[2]
  spark.driver.memory: 1g
  spark.ui.enabled: true
  spark.ui.port: "0"
  spark.sql.shuffle.partitions: 2
  spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net: ${LL_STORAGE}
  spark.hadoop.fs.s3a.session.token: ${LL_TOKEN}
online_store: {address: "redis://:${LL_STORE}@127.0.0.1:9/0"}
openlineage: {url: "RECEIVER", api_key: "${LL_LINE}"}
"""
_NOTIFY = """\
notify:
  channels:
    hook: {webhook: {url: "http://127.0.0.1:9/${LL_HOOK}", secret: "${LL_SIGN}"}}
"""
_READ = """\
source: payments
read:
  jdbc: jdbc:derby:/nowhere/shop
  table: payments
  watermark: paid_ts
  user: me
  password: ${LL_BASE}
key: [payment]
event_ts: paid_ts
available_ts: paid_ts
columns:
  payment: {type: long}
  paid_ts: {type: timestamp}
"""


@dataclass(frozen=True)
class Said:
    """What the calls said, wrote and sent.

    Attributes:
        output: Standard output and standard error.
        pages: Pages of Spark.
        events: Lineage events.
        root: Folder of the project.
    """

    output: str
    pages: str
    events: str
    root: Path


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    root = tmp_path_factory.mktemp("canaries")
    write_project(root)
    path = root / "conf/base/project.yml"
    text = path.read_text("utf-8").replace("notify: {file: notifications.jsonl}\n", _NOTIFY)
    environment = os.environ | CANARIES | {"SPARK_PAGES": str(root / "pages.txt")}
    with receiving() as receiver:
        path.write_text(text + _SECTIONS.replace("RECEIVER", receiver.url), "utf-8")
        land(load_config(root, variables=CANARIES), TURNS[0])
        common = ["--project", str(root), "-v"]
        at = ["--as-of", TURNS[0].isoformat()]
        first = [
            ["plan", *common],
            ["plan", *common, "--json"],
            ["doctor", *common, "--quick"],
            ["run", *common, *at, "--json", "--log-format", "json"],
            ["report", *common, *at],
            ["publish", *common, *at],
            ["notify", "test", *common],
        ]
        output = _call(first, environment)
        (root / "conf/base/sources/payments.yml").write_text(_READ, "utf-8")
        failing = [["ingest", *common, *at], ["ingest", *common, *at, "--json", "--log-format", "json"]]
        output += _call(failing, environment | {"SPARK_PAGES": str(root / "pages2.txt")})
        pages = (root / "pages.txt").read_text("utf-8")
        return Said(output, pages, json.dumps(receiver.events), root)


def _call(calls: list[list[str]], environment: dict[str, str]) -> str:
    arguments = [sys.executable, "-m", "tests.security.canary_calls", json.dumps(calls)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
    return done.stdout + done.stderr


def canaries() -> list[str]:
    forms = [(value, quote(value, safe=""), base64.b64encode(value.encode()).decode()) for value in CANARIES.values()]
    return [form for each in forms for form in dict.fromkeys(each)]


def found_in(text: str) -> list[str]:
    return [each for each in canaries() if each in text]


def test_the_calls_did_what_they_were_to_do(said: Said) -> None:
    ended = [line.rpartition(" ")[2] for line in said.output.splitlines() if " ended with " in line]
    assert ended == ["0", "0", "0", "0", "0", "7", "7", "7", "7"]
    assert "spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net" in said.pages
    assert "(redacted)" in said.pages


def test_no_secret_is_in_what_is_printed_or_logged(said: Said) -> None:
    assert found_in(said.output) == []


def test_no_secret_is_on_sparks_pages(said: Said) -> None:
    assert found_in(said.pages) == []


def test_the_run_id_joins_ledger_logs_result_and_sparks_jobs(said: Said) -> None:
    lines = [json.loads(line) for line in said.output.splitlines() if line.startswith("{")]
    (result,) = [each for each in lines if each.get("verb") == "run"]
    run_id = result["run_id"]
    steps = [each for each in lines if each.get("logger") == "lakeloop.steps" and each["job"] == "run"]
    assert {each["run_id"] for each in steps} == {run_id}
    assert {each["event"] for each in steps} == {"begins", "done"}
    runs = [row for row in rows_below(said.root / "workspace/ops/runs") if row["job"] == "run"]
    assert {row["run_id"] for row in runs} == {run_id}
    assert f"(run {run_id})" in said.pages
    assert f"lakeloop-run-{run_id}" in said.pages
    ingest = next(row for row in runs if row["step"] == "ingest")
    assert json.loads(str(ingest["tables"]))["bronze.orders"]["rows_written"] > 0
    assert int(str(ingest["bytes_written"])) > 0
    assert float(str(ingest["cpu_seconds"])) > 0
    assert int(str(ingest["peak_java_bytes"])) > 2**26


def test_no_secret_is_in_a_lineage_event(said: Said) -> None:
    assert ("COMPLETE" in said.events) is (find_spec("openlineage") is not None)
    assert found_in(said.events) == []


def test_no_secret_is_in_any_file_of_the_workspace(said: Said) -> None:
    files = [each for each in (said.root / "workspace").rglob("*") if each.is_file()]
    assert len(files) > 100
    assert {each: found for each in files if (found := found_in(text_of(each)))} == {}


def test_no_secret_is_in_the_tracking_store(said: Said) -> None:
    with closing(sqlite3.connect(said.root / "workspace/mlflow.db")) as store:
        text = "\n".join(store.iterdump())
    assert "log_loss" in text
    assert found_in(text) == []


def text_of(file: Path) -> str:
    """Give the bytes of a file as text; of Parquet, which packs them, its rows and its metadata too."""
    text = file.read_bytes().decode("latin-1")
    if file.suffix != ".parquet":
        return text
    table = pq.read_table(file, partitioning=None)
    return f"{text}\n{table.schema}\n{table.to_pylist()}"


def rows_below(folder: Path) -> Iterator[dict[str, object]]:
    for file in folder.glob("*.parquet"):
        yield from pq.read_table(file).to_pylist()
