from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.config.tree import Config
from tests.config.small_project import PROJECT, edited, write_project


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_project(tmp_path))


def test_paths_are_absolute_below_the_workspace(config: Config, tmp_path: Path) -> None:
    assert config.workspace == tmp_path.resolve() / "workspace"
    assert config.landing_path(config.sources["weather"]) == tmp_path.resolve() / "workspace/landing/weather"
    assert config.tracking_uri == f"sqlite:///{tmp_path.resolve()}/workspace/mlflow.db"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    changes = {
        "conf/base/project.yml": PROJECT + "workspace: /data/lake\ntracking_uri: http://tracking:5000\n",
        **edited("conf/base/sources/weather.yml", "landing/weather", "/feeds/weather"),
    }
    config = load_config(write_project(tmp_path, changes))
    assert config.workspace == Path("/data/lake")
    assert config.landing_path(config.sources["weather"]) == Path("/feeds/weather")
    assert config.landing_path(config.sources["outcomes"]) == Path("/data/lake/landing/outcomes")
    assert config.tracking_uri == "http://tracking:5000"


def test_a_spec_hash_is_that_of_the_canonical_json(config: Config) -> None:
    content = config.sources["weather"].model_dump(mode="json", by_alias=True)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert config.spec_hash("source", "weather") == hashlib.sha256(text.encode()).hexdigest()[:16]
    hashes = {config.spec_hash(*key.split(":")) for key in config.files}
    assert len(hashes) == len(config.files)
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in hashes)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("every: 1 hour", "every: 60 minutes", False),  # the same meaning
        ("entity: [carrier]", "# a comment\nowner: ''\nentity:\n  - carrier", False),  # the default, another style
        ("every: 1 hour", "every: 30 minutes", True),
        ("as: [max]", "as: [min]", True),
        ("every: 1 hour", "every: 1 hour\ndelay: 0 hours", False),
        ("every: 1 hour", "every: 1 hour\ndelay: 1 hour", True),
        ("as: [max], over: [1 day]", "as: [max], over: [1 day], offset: 0 days", False),
        ("as: [max], over: [1 day]", "as: [max], over: [1 day], offset: 1 day", True),
        ("as: [max], over: [1 day]", "as: [max], over: [1 day], where: is_late", True),
    ],
)
def test_a_spec_hash_follows_the_meaning(tmp_path: Path, old: str, new: str, changes: bool) -> None:
    before = load_config(write_project(tmp_path / "a"))
    after = load_config(write_project(tmp_path / "b", edited("conf/base/features/carrier_delays.yml", old, new)))
    key = ("feature_table", "carrier_delays")
    assert (before.spec_hash(*key) != after.spec_hash(*key)) is changes
    assert before.spec_hash("model", "late_arrival") == after.spec_hash("model", "late_arrival")


@pytest.mark.parametrize(("kind", "name"), [("source", "none"), ("feature", "readings")])
def test_a_spec_hash_of_nothing_is_an_error(config: Config, kind: str, name: str) -> None:
    with pytest.raises(KeyError):
        config.spec_hash(kind, name)


def test_a_config_can_be_pickled(config: Config) -> None:
    assert pickle.loads(pickle.dumps(config)) == config
