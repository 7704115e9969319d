"""Lineage events as a receiver gets them; a receiver that is down fails nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.config.tree import Config
from lakeloop.errors import NotReadyError
from lakeloop.lineage_events import LineageEvents
from lakeloop.run_log import run_fields
from lakeloop.runs.context import Context
from lakeloop.runs.ledger import StepRecord, timed
from lakeloop.runs.lineage import LISTENER, PACKAGE, StepLineage, open_lineage, spark_settings
from lakeloop.tables import TableAddress, TableUse
from tests.laws.small_loop import write_project
from tests.lineage_receiver import Receiver, receiving
from tests.outside import skip_without

RUN = "00000000-0000-4000-8000-000000000007"
NOON = datetime(2024, 2, 4, 12, tzinfo=UTC)
KEY = "a-key-0f-the-receiver"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def needs_client() -> None:
    if find_spec("openlineage") is None:
        skip_without("openlineage-python", "pip install 'lakeloop[lineage]'")


def project(root: Path, section: str = "", **variables: str) -> Config:
    write_project(root)
    path = root / "conf/base/project.yml"
    path.write_text(path.read_text("utf-8") + section, "utf-8")
    return load_config(root, variables=variables)


def used(config: Config) -> dict[TableAddress, TableUse]:
    place = str(config.workspace)
    return {
        TableAddress("ops", "decisions", place): TableUse(
            is_read=True, rows_read=2, commits=1, rows_written=1, version=1
        ),
        TableAddress("gold", "shop_last", place): TableUse(is_read=True),
        TableAddress("predictions", "late", place): TableUse(commits=2, rows_written=70, bytes_written=4096, version=3),
    }


def lineage(config: Config, step: str = "score") -> StepLineage:
    return StepLineage(open_lineage(config, "run", RUN, {}), config, step, "late", NOON)


def test_a_step_tells_when_it_begins_and_what_it_read_and_wrote(tmp_path: Path, receiver: Receiver) -> None:
    needs_client()
    config = project(tmp_path, f"openlineage: {{url: '{receiver.url}', api_key: '${{KEY}}'}}\n", KEY=KEY)
    lineage(config).complete(used(config))
    begun, done = receiver.events
    assert (begun["eventType"], done["eventType"]) == ("START", "COMPLETE")
    assert receiver.keys == {f"Bearer {KEY}"}
    assert begun["run"]["runId"] == done["run"]["runId"] != RUN
    assert (begun["inputs"], begun["outputs"]) == ([], [])
    assert done["job"]["namespace"] == "shops"
    assert done["job"]["name"] == "run.score.late"
    parent = done["run"]["facets"]["parent"]
    assert (parent["run"]["runId"], parent["job"]["name"]) == (RUN, "run")
    assert done["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2024-02-04T12:00:00+00:00"
    (read,), (written,) = done["inputs"], done["outputs"]
    assert (read["namespace"], read["name"]) == ("file", str(config.workspace / "gold/shop_last"))
    (named,) = read["facets"]["symlinks"]["identifiers"]
    assert named == {"namespace": "shops", "name": "gold.shop_last", "type": "TABLE"}
    assert (written["namespace"], written["name"]) == ("file", str(config.workspace / "predictions/late"))
    assert written["facets"]["version"]["datasetVersion"] == "3"
    statistics = written["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (70, 4096)
    assert KEY not in json.dumps(receiver.events)


def test_a_step_that_fails_tells_the_class_of_its_error_alone(tmp_path: Path, receiver: Receiver) -> None:
    needs_client()
    config = project(tmp_path, f"openlineage: {{url: '{receiver.url}'}}\n")
    lineage(config).fail({}, NotReadyError("model late", [], "a value: Ada"))
    failed = receiver.events[-1]
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "NotReadyError"
    assert "Ada" not in json.dumps(receiver.events)


def test_an_ingest_reads_the_landing_folders_that_are_there(tmp_path: Path, receiver: Receiver) -> None:
    needs_client()
    config = project(tmp_path, f"openlineage: {{url: '{receiver.url}', namespace: prod}}\n")
    landing = config.landing_path(config.sources["orders"])
    landing.mkdir(parents=True)
    lineage(config, "ingest").complete({})
    done = receiver.events[-1]
    assert [(each["namespace"], each["name"]) for each in done["inputs"]] == [("file", str(landing))]
    assert done["job"]["namespace"] == "prod"


def test_events_go_to_a_file(tmp_path: Path) -> None:
    needs_client()
    config = project(tmp_path, "openlineage: {file: lineage.jsonl}\n")
    config.workspace.mkdir()
    lineage(config).complete(used(config))
    lines = (config.workspace / "lineage.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["eventType"] for line in lines] == ["START", "COMPLETE"]


def test_a_receiver_that_is_down_is_told_once_and_fails_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    needs_client()
    config = project(tmp_path, "openlineage: {url: 'http://127.0.0.1:9', api_key: '${KEY}'}\n", KEY=KEY)
    with caplog.at_level(logging.WARNING):
        lineage(config).complete(used(config))
    (told,) = [each.getMessage() for each in caplog.records if each.name.startswith("lakeloop")]
    assert told.startswith("lineage: events of this call are not delivered: ConnectionError: ")
    assert told.endswith("; the job goes on")
    assert KEY not in told


def test_a_receiver_that_refuses_is_told_once(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    needs_client()
    receiver.status = 403
    config = project(tmp_path, f"openlineage: {{url: '{receiver.url}'}}\n")
    with caplog.at_level(logging.WARNING):
        lineage(config).complete(used(config))
    assert len([each for each in caplog.records if each.name.startswith("lakeloop")]) == 1
    assert len(receiver.events) == 1


def test_without_the_client_the_remedy_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openlineage.client", None)
    config = project(tmp_path, "openlineage: {file: lineage.jsonl}\n")
    with caplog.at_level(logging.WARNING):
        lineage(config).complete({})
    (told,) = [each.getMessage() for each in caplog.records]
    assert "pip install 'lakeloop[lineage]'" in told


@pytest.mark.parametrize(
    ("section", "environment", "sends"),
    [
        ("", {}, False),
        ("", {"OPENLINEAGE_URL": "http://l:5000"}, True),
        ("", {"OPENLINEAGE__TRANSPORT__TYPE": "console"}, True),
        ("", {"OPENLINEAGE_URL": "http://l:5000", "OPENLINEAGE_DISABLED": "true"}, False),
        ("openlineage: {url: 'http://l:5000'}\n", {}, True),
        ("openlineage: {url: 'http://l:5000'}\n", {"OPENLINEAGE_DISABLED": "True"}, False),
        ("openlineage: {}\n", {}, True),
    ],
)
def test_events_are_sent_where_the_project_or_the_environment_asks(
    tmp_path: Path, section: str, environment: dict[str, str], sends: bool
) -> None:
    assert isinstance(open_lineage(project(tmp_path, section), "run", RUN, environment), LineageEvents) is sends


def test_lineage_is_no_part_of_what_is_declared(tmp_path: Path) -> None:
    with_it = project(tmp_path / "a", "openlineage: {file: lineage.jsonl}\n")
    assert with_it.spec_hash("project", "shops") == project(tmp_path / "b").spec_hash("project", "shops")


def test_sparks_listener_is_configured_beside_what_the_project_names_itself(tmp_path: Path) -> None:
    section = """\
openlineage: {url: "http://l:5000", api_key: "${KEY}", spark: true}
spark: {spark.extraListeners: an.Own, spark.sql.shuffle.partitions: 2}
"""
    with run_fields(job="run"):
        settings = spark_settings(project(tmp_path, section, KEY=KEY), RUN)
    assert settings == {
        "spark.extraListeners": f"an.Own,{LISTENER}",
        "spark.sql.shuffle.partitions": 2,
        "spark.jars.packages": PACKAGE,
        "spark.openlineage.namespace": "shops",
        "spark.openlineage.parentJobNamespace": "shops",
        "spark.openlineage.parentJobName": "run",
        "spark.openlineage.parentRunId": RUN,
        "spark.openlineage.transport.type": "http",
        "spark.openlineage.transport.url": "http://l:5000",
        "spark.openlineage.transport.endpoint": "/api/v1/lineage",
        "spark.openlineage.transport.auth.type": "api_key",
        "spark.openlineage.transport.auth.apiKey": KEY,
    }


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{url: 'http://l', file: x}", "declare url or file, not both"),
        ("{url: 'http://me:pw@l'}", "the address alone"),
        ("{url: 'ftp://l'}", "https://host"),
        ("{file: x, api_key: '${KEY}'}", "`url:` beside it"),
        ("{spark: true}", "url or file beside it"),
    ],
)
def test_a_wrong_section_is_refused(tmp_path: Path, section: str, message: str) -> None:
    with pytest.raises(Exception, match="openlineage") as raised:
        project(tmp_path, f"openlineage: {section}\n", KEY=KEY)
    assert " ".join(str(raised.value).split()).find(message) > 0


def test_a_step_of_a_job_sends_its_events_and_those_of_its_failure(tmp_path: Path, receiver: Receiver) -> None:
    needs_client()
    context = Context(project(tmp_path, f"openlineage: {{url: '{receiver.url}'}}\n"), NOON)
    gold = context.lake.address("gold", "shop_last")
    records: list[StepRecord] = []
    with run_fields(run_id=context.run_id, job="run"):
        timed(context, "score", "late", lambda: context.lake.uses.read(gold, 7), records)
        with pytest.raises(ZeroDivisionError):
            timed(context, "monitor", "late", lambda: 1 / 0, records)
    told = [(each["eventType"], each["job"]["name"]) for each in receiver.events]
    assert told == [
        ("START", "run.score.late"),
        ("COMPLETE", "run.score.late"),
        ("START", "run.monitor.late"),
        ("FAIL", "run.monitor.late"),
    ]
    assert [each["name"] for each in receiver.events[1]["inputs"]] == [gold.path]
    assert {each["run"]["facets"]["parent"]["run"]["runId"] for each in receiver.events} == {context.run_id}
    (record,) = records
    assert record.describe_tables() == {"gold.shop_last": {"is_read": True, "rows_read": 7}}
    assert record.metrics()["rows_written"] == 0
