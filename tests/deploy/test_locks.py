"""The locks of the images: what the server imports, in the versions that trained, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.locks import ROOT, pins

LOCKS = {
    "deploy/serving.lock": "deploy/serving.in",
    "deploy/serving-lightgbm.lock": "deploy/serving-lightgbm.in",
    "deploy/serving-xgboost.lock": "deploy/serving-xgboost.in",
    "deploy/build.lock": "deploy/build.in",
}
ANSWER = """
import sys
from importlib import import_module
from importlib.metadata import packages_distributions
from pkgutil import walk_packages

pinned = set(sys.argv[1].split())
canonical = lambda name: name.lower().replace("_", "-").replace(".", "-")
absent = {
    module for module, names in packages_distributions().items() if not pinned & {canonical(name) for name in names}
} - {"lakeloop"} - set(sys.stdlib_module_names)


class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r} in the image", name=name)
        return None


sys.meta_path.insert(0, Absent)
for name in ("pyspark", "mlflow", "deltalake", "polars", "great_expectations", "matplotlib", "pytest"):
    try:
        import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{name} is not kept away")

for package in ("lakeloop.serving", "lakeloop.online_store", "lakeloop.config", "lakeloop.on_demand"):
    for each in walk_packages(import_module(package).__path__, f"{package}."):
        import_module(each.name)
# What a stored pipeline is made of, and what a server of HTTP loads only once it starts.
from lakeloop.training.preprocessing import TRUSTED_TYPES
for each in TRUSTED_TYPES:
    if not each.startswith(("lightgbm.", "xgboost.")):
        import_module(each.rpartition(".")[0])
for name in ("lakeloop.cli.verbs", "skops.io", "pandas", "pyarrow.parquet", "fastapi", "uvicorn.loops.uvloop",
             "uvicorn.protocols.http.httptools_impl", "prometheus_client", "redis"):
    import_module(name)
from lakeloop.cli import main
main(["--version"])
"""


def wanted(path: str) -> list[str]:
    """Read the lines of what a lock is made from."""
    return [line for line in (ROOT / path).read_text("utf-8").splitlines() if line and not line.startswith("#")]


def declared() -> dict[str, list[str]]:
    """Read what pyproject.toml declares: `base`, `build`, and every extra."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = told["project"]
    return {
        "base": project["dependencies"],
        "build": told["build-system"]["requires"],
        **project["optional-dependencies"],
    }


@pytest.mark.parametrize("path", LOCKS)
def test_a_lock_pins_what_was_tested(path):
    tested = pins("requirements.lock")
    found = pins(path)
    assert found
    assert {name: version for name, version in found.items() if tested.get(name, version) != version} == {}
    if path != "deploy/build.lock":  # what builds the wheel runs in no test
        assert set(found) - set(tested) == set()


@pytest.mark.parametrize(("path", "source"), LOCKS.items())
def test_a_lock_holds_what_it_is_made_from_within_the_ranges(path, source):
    found = pins(path)
    for line in wanted(source):
        requirement = Requirement(line)
        assert found[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("path", LOCKS)
def test_every_pin_has_hashes_and_no_lock_names_an_index(path):
    text = (ROOT / path).read_text("utf-8")
    assert len(re.findall(r"^\S+==\S+ .*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)) == len(pins(path))
    assert "://" not in text


def test_ranges_are_those_of_the_project_word_for_word():
    ranges = declared()
    assert set(wanted("deploy/serving.in")) - {*ranges["base"], *ranges["serve"], *ranges["redis"]} == set()
    assert wanted("deploy/serving-lightgbm.in") == ranges["lightgbm"]
    assert set(wanted("deploy/serving-xgboost.in")) <= set(ranges["xgboost"])
    assert wanted("deploy/build.in") == ranges["build"]


def test_executors_get_what_the_project_and_its_lock_name_and_of_mlflow_the_part_without_a_server():
    lines = wanted("deploy/executors.in")
    assert set(lines) - {each.replace("mlflow>", "mlflow-skinny>") for each in declared()["base"]} == set()
    tested = pins("requirements.lock")
    assert {canonicalize_name(Requirement(each).name) for each in lines} - set(tested) == set()
    assert tested["mlflow-skinny"] == tested["mlflow"]


def test_the_server_gets_all_of_the_extras_that_are_meant_for_it():
    ranges = declared()
    assert {*ranges["serve"], *ranges["redis"]} - set(wanted("deploy/serving.in")) == set()


def test_the_server_holds_nothing_of_spark_delta_or_mlflow():
    assert set(pins("deploy/serving.lock")) & {"pyspark", "delta-spark", "deltalake", "mlflow", "polars"} == set()


def test_the_server_imports_nothing_that_its_image_lacks():
    """A fresh process in which every package outside of the lock is kept from being imported."""
    found = " ".join(pins("deploy/serving.lock"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ANSWER, found], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
