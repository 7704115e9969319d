"""The Dockerfiles, read: pinned, not root, nothing left behind, and only files that are there.

No image is built here: that needs a builder and a registry.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.dockerfile import (
    DOCKERFILES,
    ROOT,
    base_images,
    default_arguments,
    is_sent,
    of,
    read_dockerfile,
    variables,
)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OWN = ["serving", "jobs"]
"""Those whose context is the repository."""


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("serving", ["python:3.11-slim-bookworm", "python:3.11-slim-bookworm"]),
        ("jobs", ["python:3.11-slim-bookworm"]),
        ("baked", [f"lakeloop-serving:{PROJECT['version']}"] * 2),
    ],
)
def test_every_image_is_built_on_a_named_version(name, images):
    assert base_images(DOCKERFILES[name]) == images


@pytest.mark.parametrize("name", OWN)
def test_a_digest_can_pin_the_base_for_good(name):
    assert default_arguments(DOCKERFILES[name])["PYTHON_DIGEST"] == ""
    own = [each for each in of(DOCKERFILES[name], "FROM") if each.startswith("python:")]
    assert own
    assert all(each.startswith("python:${PYTHON_TAG}${PYTHON_DIGEST}") for each in own)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_runs_is_not_root(name):
    assert of(DOCKERFILES[name], "USER", last_stage=True) == ["10001:10001"]
    after = [each.word for each in read_dockerfile(DOCKERFILES[name])]
    assert "RUN" not in after[after.index("USER") :]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_nothing_is_fetched_but_packages(name):
    words = {each.word for each in read_dockerfile(DOCKERFILES[name])}
    assert words <= {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
                     "CMD", "ENTRYPOINT"}  # fmt: skip
    commands = " ".join(of(DOCKERFILES[name], "RUN"))
    assert not re.search(r"https?://|\bcurl\b|\bwget\b|\bgit\b", commands)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_every_command_is_one_that_a_shell_can_read(name):
    commands = of(DOCKERFILES[name], "RUN")
    assert commands
    for each in commands:
        done = subprocess.run(["sh", "-n", "-c", each], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), each


@pytest.mark.parametrize("name", OWN)
def test_no_build_tool_stays_behind(name):
    commands = of(DOCKERFILES[name], "RUN", last_stage=True)
    assert not [each for each in commands if re.search(r"\bpip3?\b[^&|;*]* install|\bgcc\b|build-essential", each)]
    (cleaned,) = [each for each in commands if "/usr/local/lib/python3.11/site-packages/*" in each]
    assert "/usr/local/bin/pip*" in cleaned
    assert "--without-pip" in " ".join(of(DOCKERFILES[name], "RUN"))


@pytest.mark.parametrize("name", OWN)
def test_packages_of_the_system_leave_no_lists(name):
    installing = [each for each in of(DOCKERFILES[name], "RUN") if "apt-get install" in each]
    assert installing
    for each in installing:
        assert "--no-install-recommends" in each
        assert "rm -rf /var/lib/apt/lists/*" in each


def test_the_server_installs_by_hash_and_the_wheel_without_its_dependencies():
    commands = " && ".join(of(DOCKERFILES["serving"], "RUN"))
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) [^&;]*", commands)
    assert [re.sub(r"^pip (--python \S+ )?", "", each).strip() for each in installs] == [
        "install --require-hashes --no-deps -r deploy/serving.lock",
        'install --require-hashes --no-deps -r "deploy/serving-${each}.lock" || exit 1',
        "install --require-hashes -r deploy/build.lock",
        "wheel --no-deps --no-build-isolation --wheel-dir wheels .",
        "install --no-deps wheels/*.whl",
    ]


@pytest.mark.parametrize("name", OWN)
def test_files_that_are_copied_exist_and_are_sent_to_the_builder(name):
    arguments = default_arguments(DOCKERFILES[name])
    for each in of(DOCKERFILES[name], "COPY"):
        if each.startswith("--from="):
            continue
        for source in each.replace("${CONF}", arguments.get("CONF", "")).split()[:-1]:
            found = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(source)]
            assert found, source
            assert [path for path in found if not is_sent(path)] == []


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("src/lakeloop/errors.py", True),
        ("conf/base/project.yml", True),
        ("deploy/serving-lightgbm.lock", True),
        ("deploy/jobs/turn.py", True),
        ("deploy/environment.py", False),
        ("workspace/mlflow.db", False),
        ("landing/outcomes/2013.csv", False),
        (".env", False),
        (".git/config", False),
        (".venv/bin/python", False),
        ("src/lakeloop/__pycache__/errors.cpython-311.pyc", False),
        ("src/lakeloop.egg-info/PKG-INFO", False),
    ],
)
def test_only_what_is_named_is_sent_to_the_builder(path, sent):
    assert is_sent(path) is sent


@pytest.mark.parametrize("name", DOCKERFILES)
def test_no_image_holds_a_secret(name):
    named = {*variables(DOCKERFILES[name]), *default_arguments(DOCKERFILES[name])}
    assert not [each for each in named if re.search("TOKEN|PASSWORD|SECRET|KEY", each)]


def test_a_baked_store_is_one_file_that_can_be_read_where_nothing_can_be_written(tmp_path):
    publishing = sqlite3.connect(tmp_path / "published.db")
    publishing.execute("PRAGMA journal_mode = WAL")
    publishing.execute("CREATE TABLE states (value TEXT)")
    publishing.execute("INSERT INTO states VALUES ('last')")
    publishing.commit()
    image = tmp_path / "image"
    image.mkdir()
    for each in tmp_path.glob("published.db*"):  # as COPY does, while the store is open elsewhere
        shutil.copy(each, image / each.name.replace("published", "online_store"))
    publishing.close()
    command, _ = of(DOCKERFILES["baked"], "RUN")
    folder = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "STORE": "online_store.db"}
    subprocess.run(["sh", "-c", command.replace("/workspace", str(image))], env=folder, check=True)
    assert [path.name for path in image.iterdir()] == ["online_store.db"]
    serving = sqlite3.connect(f"{(image / 'online_store.db').as_uri()}?mode=ro", uri=True)
    assert serving.execute("SELECT value FROM states").fetchall() == [("last",)]
    assert [path.name for path in image.iterdir()] == ["online_store.db"]  # nothing was written to read it
    serving.close()


def test_a_baked_image_names_its_model_and_its_store():
    assert variables(DOCKERFILES["baked"]) == {
        "LAKELOOP_MODEL": "${MODEL}",
        "LAKELOOP_PROJECT": "${PROJECT}",
        "LAKELOOP_STORE": "sqlite:////workspace/${STORE}",
    }
    assert default_arguments(DOCKERFILES["baked"])["STORE"] == "online.db"


def test_the_health_check_asks_the_port_that_is_served():
    serving = DOCKERFILES["serving"]
    assert of(serving, "EXPOSE") == ["8000"]
    (check,) = of(serving, "HEALTHCHECK")
    assert "http://127.0.0.1:8000/health" in check
    program, shell, line = json.loads(of(serving, "CMD")[0])
    assert (program, shell) == ("/bin/sh", "-c")
    assert line.startswith("exec lakeloop serve ")  # the server itself gets the signal
    assert "--port 8000" in line


def test_the_jobs_image_is_of_this_version_and_its_extras_are_declared():
    arguments = default_arguments(DOCKERFILES["jobs"])
    assert arguments["VERSION"] == PROJECT["version"]
    assert set(arguments["EXTRAS"].split(",")) <= set(PROJECT["optional-dependencies"])
    assert "local" in arguments["EXTRAS"].split(",")


def test_optional_estimators_have_a_lock_each():
    names = sorted(path.name for path in (ROOT / "deploy").glob("serving-*.lock"))
    assert names == ["serving-lightgbm.lock", "serving-xgboost.lock"]
