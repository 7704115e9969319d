"""Images, manifests, command line and project speak of the same ports, paths, options, variables and instants."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from lakeloop import errors
from lakeloop.cli.serve import STORE, TOKEN
from lakeloop.cli.verbs import app
from lakeloop.config.online_store import OnlineStoreSettings
from lakeloop.serving.guard import OPEN_PATHS
from tests.deploy.dockerfile import DOCKERFILES, ROOT, default_arguments, of, variables
from tests.deploy.locks import pins
from tests.deploy.manifests import read_manifests, the

SERVER = the("Deployment").body["spec"]["template"]["spec"]
(CONTAINER,) = SERVER["containers"]
TURN = the("CronJob").body["spec"]
TURN_POD = TURN["jobTemplate"]["spec"]["template"]["spec"]
FILLED_IN = {
    "${LAKELOOP_MODEL:?names the model to serve}": "late_arrival",
    "${LAKELOOP_PROJECT:?names the project whose rows of the store are meant}": "flights",
    "$LAKELOOP_GRACE": "20",
}
"""Variables of the image's command, and what they may hold."""


def variable(name: str) -> Any:
    (found,) = [each for each in CONTAINER["env"] if each["name"] == name]
    return found.get("value") or found["valueFrom"]


def value_of(option: str, call: list[str]) -> str:
    return call[call.index(option) + 1]


def command_of(verb: str) -> click.Command:
    """Find a verb of the command line."""
    group = typer.main.get_command(app)
    assert isinstance(group, click.Group | typer.core.TyperGroup)
    return group.commands[verb]


def declared_models() -> list[str]:
    return [yaml.safe_load(path.read_text("utf-8"))["model"] for path in (ROOT / "conf/base/models").glob("*.yml")]


def calls() -> list[tuple[str, str, list[str]]]:
    """Give every call of lakeloop: where it stands, its verb, its arguments."""
    _, _, image_verb, *image = shlex.split(json.loads(of(DOCKERFILES["serving"], "CMD")[0])[-1])
    image = [FILLED_IN.get(each, each) for each in image]
    found = [("image", image_verb, image), ("deployment", CONTAINER["command"][1], CONTAINER["args"])]
    for each in read_manifests():
        if each.kind == "SparkApplication":
            found.append(
                (each.name, Path(each.body["spec"]["mainApplicationFile"]).stem, each.body["spec"]["arguments"])
            )
    from deploy.jobs.turn import build_calls

    return [*found, *((call[1], call[1], call[2:]) for call in build_calls(["late_arrival"], "/project", "2013-05-01"))]


@pytest.mark.parametrize(("where", "verb", "call"), calls(), ids=[each[0] for each in calls()])
def test_every_call_is_one_that_the_command_line_understands(where, verb, call):
    """Parsed, not run: unknown options, values of another type and missing arguments are refused."""
    command = command_of(verb)
    assert {each for each in call if each.startswith("--")} <= {name for each in command.params for name in each.opts}
    assert command.make_context(verb, list(call)).params


def test_a_stream_follows_one_model_and_asks_no_instant():
    (stream,) = [call for _, verb, call in calls() if verb == "score" and "--stream" in call]
    assert value_of("--model", stream) in declared_models()
    assert stream.count("--model") == 1
    assert "--as-of" not in stream


def test_the_image_and_the_deployment_make_the_same_call():
    (_, _, image), (_, _, deployment) = calls()[:2]
    options = [[each for each in call if each.startswith("--")] for call in (image, deployment)]
    assert options[0] == options[1]
    for option in ("--host", "--port"):
        assert value_of(option, image) == value_of(option, deployment)


def test_one_port_is_served_probed_and_let_through():
    port = value_of("--port", CONTAINER["args"])
    (opened,) = CONTAINER["ports"]
    (service,) = the("Service").body["spec"]["ports"]
    (rule,) = the("NetworkPolicy", "lakeloop-serving").body["spec"]["ingress"]
    assert of(DOCKERFILES["serving"], "EXPOSE") == [port]
    assert str(opened["containerPort"]) == port
    assert service["targetPort"] == opened["name"]
    assert [str(each["port"]) for each in rule["ports"]] == [port]
    assert {CONTAINER[f"{each}Probe"]["httpGet"]["port"] for each in ("startup", "liveness", "readiness")} == {
        opened["name"]
    }


def test_probes_ask_the_endpoints_of_the_server():
    probes = {each: CONTAINER[f"{each}Probe"]["httpGet"]["path"] for each in ("startup", "liveness", "readiness")}
    assert probes == {"startup": "/health", "liveness": "/health", "readiness": "/ready"}
    assert set(probes.values()) == OPEN_PATHS  # a probe bears no token


def test_prometheus_finds_the_servers_pods_and_bears_the_token():
    (scrape,) = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    template = the("Deployment").body["spec"]["template"]
    (opened,) = CONTAINER["ports"]
    assert scrape["metrics_path"] == "/metrics"
    assert scrape["metrics_path"] not in OPEN_PATHS
    assert scrape["authorization"]["type"] == "Bearer"
    assert set(scrape["authorization"]) == {"type", "credentials_file"}  # a file, not the token
    assert scrape["kubernetes_sd_configs"] == [
        {"role": "pod", "namespaces": {"names": [the("Deployment").body["metadata"]["namespace"]]}}
    ]
    kept = {
        each["source_labels"][0]: each["regex"] for each in scrape["relabel_configs"] if each.get("action") == "keep"
    }
    assert kept == {
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": template["metadata"]["labels"]["app.kubernetes.io/name"],
        "__meta_kubernetes_pod_container_port_name": opened["name"],
    }
    assert "annotations" not in template["metadata"]  # what is scraped by annotation bears no token


def test_a_server_has_the_time_to_drain_before_it_is_killed():
    grace = int(value_of("--grace", CONTAINER["args"]))
    program, seconds = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    assert SERVER["terminationGracePeriodSeconds"] >= int(seconds) + grace + 5
    assert variables(DOCKERFILES["serving"])["LAKELOOP_GRACE"] == str(grace)


def test_a_pod_stays_reachable_until_no_client_is_sent_to_it():
    readiness = CONTAINER["readinessProbe"]
    assert readiness["periodSeconds"] <= int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1])


def test_token_and_store_come_from_a_secret():
    assert variable("LAKELOOP_TOKEN") == {"secretKeyRef": {"name": "lakeloop-serving", "key": "token"}}
    assert variable("LAKELOOP_STORE") == {"secretKeyRef": {"name": "lakeloop-serving", "key": "store"}}
    assert "LAKELOOP_TOKEN" not in variables(DOCKERFILES["serving"])
    assert (TOKEN, STORE) == ("LAKELOOP_TOKEN", "LAKELOOP_STORE")


def test_no_secret_stands_on_a_command_line():
    """Whoever may list processes reads it there; the server reads both variables itself."""
    for call in (json.loads(of(DOCKERFILES["serving"], "CMD")[0])[-1], " ".join(CONTAINER["args"])):
        assert STORE not in call
        assert TOKEN not in call
        assert "--store " not in call


def test_variables_in_arguments_are_set():
    named = set(re.findall(r"\$\((\w+)\)", " ".join(CONTAINER["args"])))
    assert named <= {each["name"] for each in CONTAINER["env"]}


@pytest.mark.parametrize("given", [{}, {"LAKELOOP_STORE": "redis://store:6379/0"}])
def test_the_image_calls_the_server_with_what_it_is_given(given, tmp_path):
    program = tmp_path / "lakeloop"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@" "$LAKELOOP_STORE"\n')
    program.chmod(0o755)
    set_by_image = {name: value for name, value in variables(DOCKERFILES["serving"]).items() if name != "PATH"}
    environment = {"PATH": f"{tmp_path}:{os.defpath}", **set_by_image, **given}
    command = json.loads(of(DOCKERFILES["serving"], "CMD")[0])
    named = {**environment, "LAKELOOP_MODEL": "late_arrival", "LAKELOOP_PROJECT": "flights"}
    for missing, what in (
        ("MODEL", "the model to serve"),
        ("PROJECT", "the project whose rows of the store are meant"),
    ):
        some = {name: value for name, value in named.items() if name != f"LAKELOOP_{missing}"}
        unnamed = subprocess.run(command, env=some, capture_output=True, text=True, check=False)
        assert f"LAKELOOP_{missing}: names {what}" in unnamed.stderr
    done = subprocess.run(command, env=named, capture_output=True, text=True, check=True)
    store = given.get("LAKELOOP_STORE", "sqlite:////workspace/online.db")
    assert done.stdout == (
        "serve|late_arrival|--host|0.0.0.0|--port|8000|--bundle|/workspace/serving/late_arrival|"
        f"--store-project|flights|--log|/workspace/request_log/late_arrival|--grace|20|{store}|"
    )


def test_the_model_is_declared_and_its_bundle_lies_where_it_is_published():
    model = variable("LAKELOOP_MODEL")
    assert model in declared_models()
    assert model in TURN_POD["containers"][0]["args"]
    assert value_of("--bundle", CONTAINER["args"]) == "/workspace/serving/$(LAKELOOP_MODEL)"
    assert value_of("--log", CONTAINER["args"]) == "/workspace/request_log/$(LAKELOOP_MODEL)"
    mounts = {each["name"]: each["mountPath"] for each in TURN_POD["containers"][0]["volumeMounts"]}
    project = yaml.safe_load((ROOT / "conf/base/project.yml").read_text("utf-8"))
    assert mounts["workspace"] == f"/project/{project['workspace']}"
    assert variable("LAKELOOP_PROJECT") == project["project"]
    address = OnlineStoreSettings().address  # where a turn publishes unless it is told otherwise
    shipped = variables(DOCKERFILES["serving"])["LAKELOOP_STORE"]
    assert shipped == address.replace("{workspace}", "/workspace")
    assert default_arguments(DOCKERFILES["jobs"])["CONF"] == "conf"


def test_the_turn_keeps_the_projects_time_and_never_overtakes_itself():
    project = yaml.safe_load((ROOT / "conf/base/project.yml").read_text("utf-8"))
    assert TURN["timeZone"] == project["timezone"]
    assert TURN["concurrencyPolicy"] == "Forbid"


def test_the_turn_is_told_its_instant_by_the_name_of_the_job():
    from deploy.jobs import turn

    (env,) = TURN_POD["containers"][0]["env"]
    assert env["name"] == turn.JOB
    assert env["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['batch.kubernetes.io/job-name']"
    assert len(the("CronJob").name) <= 52  # the controller adds a hyphen and ten digits at most to 63


def test_only_failures_that_a_retry_cannot_mend_end_the_job():
    (policy,) = [
        each for each in TURN["jobTemplate"]["spec"]["podFailurePolicy"]["rules"] if each["action"] == "FailJob"
    ]
    classes = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.LakeloopError)
    ]
    retried = {each.exit_code for each in classes if each.retryable}
    final = sorted(code for code in errors.EXIT_CODES if code > 1 and code not in retried)
    assert policy["onExitCodes"]["values"] == final == [2, 3, 4]
    assert policy["onExitCodes"]["containerName"] == TURN_POD["containers"][0]["name"]
    assert TURN_POD["restartPolicy"] == "Never"  # what a policy of failures asks for


@pytest.mark.parametrize("name", ["serving", "jobs"])
def test_users_of_image_and_pod_are_one(name):
    (user,) = of(DOCKERFILES[name], "USER")
    spec = SERVER if name == "serving" else TURN_POD
    assert user == f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}"


def test_files_that_jobs_run_are_in_the_image():
    copied = [each.split() for each in of(DOCKERFILES["jobs"], "COPY", last_stage=True)]
    assert ["jobs", "/opt/lakeloop/jobs"] in copied
    assert ["deploy/jobs/entrypoint.py", "deploy/jobs/turn.py", "/opt/lakeloop/"] in copied
    assert "/opt/lakeloop/turn.py" in TURN_POD["containers"][0]["args"]
    for each in read_manifests():
        if each.kind == "SparkApplication":
            file = each.body["spec"]["mainApplicationFile"].removeprefix("local:///opt/lakeloop/")
            assert (ROOT / file).is_file()


def test_spark_applications_name_the_spark_of_the_image():
    versions = {each.body["spec"]["sparkVersion"] for each in read_manifests() if each.kind == "SparkApplication"}
    assert versions == {pins("requirements.lock")["pyspark"]}
