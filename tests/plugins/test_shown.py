"""The packages of docs/plugins.md, found by their entry points, each used for what it is."""

from __future__ import annotations

import doctest
import importlib
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lakeloop.aggregates import AGGREGATES, find_aggregate
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.loading import load_config
from lakeloop.config.model import Model
from lakeloop.config.monitor import Monitor
from lakeloop.config.notify import Notify
from lakeloop.config.plugin_uses import function_plugins, plugins_used, releases
from lakeloop.config.project import Project
from lakeloop.config.source import Source
from lakeloop.config.tree import Config
from lakeloop.entry_points import PluginGroup, list_plugins
from lakeloop.errors import ConfigError
from lakeloop.on_demand.calls import apply_calls
from lakeloop.online_store.opening import open_store
from lakeloop.runs.declared import PACKAGES_TAG
from lakeloop.runs.installed_plugins import describe_plugins, examine_plugins
from lakeloop.runs.plan import describe_plan, make_plan
from lakeloop.runs.scored_rows import changed_functions
from lakeloop.runs.training_set import plugin_packages
from lakeloop.statuses import Status, Verdict
from tests.drift.test_recorded import AFTER, BEFORE, NOW, NUMBERS, judge, table
from tests.factories import SOURCE
from tests.notifications.http_server import answering
from tests.notifications.sending import message, send
from tests.online_store.publishing import publish, state
from tests.plugins.shown import ENTRY_POINTS, FILES, PAGE, PYPROJECTS, yaml_of

pytestmark = pytest.mark.usefixtures("shown")

WORDS = {
    PluginGroup.RULES: "decimals",
    PluginGroup.AGGREGATES: "rms",
    PluginGroup.DISTANCES: "le_cam",
    PluginGroup.READERS: "sqlite",
    PluginGroup.CHANNELS: "teams",
    PluginGroup.ONLINE_STORES: "jsonfile",
    PluginGroup.ON_DEMAND: "softsign",
}


def declare(**changes: Any) -> Source:
    return Source.model_validate({**SOURCE, **changes})


def test_one_of_each_kind_is_shown_and_can_be_used():
    assert ENTRY_POINTS.keys() == {group.value for group in PluginGroup}
    found, errors = examine_plugins()
    assert {each.group: each.word for each in found} == {group.value: word for group, word in WORDS.items()}
    assert (errors, [each.problem for each in found]) == ((), [""] * 7)
    assert describe_plugins(found).splitlines()[-1] == "lakeloop.rules          decimals  lakeloop-decimals 1.0"


@pytest.mark.parametrize("path", sorted(FILES))
def test_the_examples_of_a_file_run(path):
    assert doctest.testmod(importlib.import_module(path.removesuffix(".py"))).failed == 0


def test_the_whole_package_says_the_same_as_its_installed_form():
    (whole,) = (each for each in PYPROJECTS if "name" in each["project"])
    (plugin,) = list_plugins(PluginGroup.RULES)
    assert (plugin.package, plugin.version) == (whole["project"]["name"], whole["project"]["version"])
    assert whole["tool"]["setuptools"]["py-modules"] == [plugin.module]


def test_a_rule_says_what_holds_of_a_row():
    columns = {**SOURCE["columns"], "price": {"type": "double"}}
    source = declare(rules=yaml_of("decimals")["rules"], columns=columns)
    (condition,) = source.rules[0].conditions()
    assert condition.holds == "round(`price`, 2) = `price`"
    assert source.model_dump(mode="json")["rules"] == [
        {"rule": "decimals", "severity": "quarantine", "column": "price", "at_most": 2}
    ]
    assert releases(plugins_used(source)) == {"lakeloop-decimals": "1.0"}


def test_a_statistic_judges_a_column_and_its_evidence_names_its_package():
    declared = yaml_of("le_cam")["monitor"]["statistic"]
    assert Monitor(statistic=declared).statistic == {"number": "le_cam", "category": "total_variation"}
    quiet = judge(NUMBERS, table(7, BEFORE, AFTER), "delay", statistic=declared)
    assert (quiet.status, quiet.verdict, quiet.value) == (Status.OK, Verdict.STABLE, pytest.approx(0.0, abs=1e-12))
    moved = judge(NUMBERS, table(7, NOW, AFTER), "delay", statistic=declared)
    # shares 2/8, 2/8, 2/8, 2/8 of old against 1/8, 3/8, 3/8, 1/8 of bins with the nulls: half of 2/8/3 + 2/8/5 = 1/15
    assert moved.value == pytest.approx(1 / 15)
    assert (moved.statistic, moved.verdict) == ("le_cam", Verdict.DRIFT)
    assert moved.evidence["package"] == "lakeloop-le-cam 1.0"
    assert "package" not in judge(NUMBERS, table(7, NOW, AFTER), "delay").evidence


def test_an_aggregate_is_a_word_of_a_feature_table_and_part_of_its_fingerprint(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAMS_URL", "https://teams.example.com/hooks/s3cret")
    declared = {"feature_table": "prices", "entity": ["origin"], "from": "weather", "every": "1 hour"}
    shown = FeatureTable.model_validate({**declared, **yaml_of("rms")})
    assert shown.feature_names == ("rms_price_1d",)
    assert find_aggregate("rms").parts[1] == AGGREGATES["count"].parts[0]
    config = load_config(write_project(tmp_path))
    before = config.spec_hash("feature_table", "winds")
    module = importlib.import_module("lakeloop_rms")
    original = module.RMS
    module.RMS = replace(original, value="sqrt({squares} / nullif({n}, 0))")
    assert config.spec_hash("feature_table", "winds") != before
    module.RMS = replace(original, description="reworded")
    assert config.spec_hash("feature_table", "winds") == before
    plain = FeatureTable.model_validate({**declared, "aggregate": [{"of": "a", "as": ["mean"], "over": ["1 day"]}]})
    assert plugins_used(plain) == ()


def test_a_channel_delivers_once_and_shows_no_address(tmp_path):
    with answering(404, 200) as server:
        declared = yaml_of("teams", {"TEAMS_URL": server.url})["notify"]
        channel = Notify.model_validate(declared).named["oncall"]
        assert (channel.word, channel.kind) == ("teams", None)
        refused = send(tmp_path, channel)
        assert (refused.is_sent, refused.error) == (False, "HTTP 404 Not Found: ok")
        assert send(tmp_path, channel).is_sent
        assert send(tmp_path, channel).is_sent  # it knows that it was sent
        assert [each.plain["text"].splitlines()[0] for each in server.posted] == [f"**{message().title}**"] * 2
    gone = send(tmp_path, channel, message("f2"))
    assert not gone.is_sent
    assert not any(secret in gone.error for secret in channel.secrets)
    assert "http" not in json.dumps(channel.model_dump(mode="json", by_alias=True))


def test_a_store_publishes_and_looks_up(tmp_path):
    address = yaml_of("jsonfile")["online_store"]["address"].replace("/data", str(tmp_path))
    York, Leeds = ("York",), ("Leeds",)  # noqa: N806 - places
    with closing(open_store(address, "demo")) as store:
        publish(store, {"York": [10, 30], "Leeds": [40]}, 20)
        assert store.look_up({"shops": [York, Leeds]}).states == {"shops": (state(10), None)}
        publish(store, {"York": [10, 30], "Leeds": [40]}, 50, after=20)
        reader = open_store(address, "demo", read_only=True)
        assert reader.look_up({"shops": [Leeds, York]}).states == {"shops": (state(40), state(30))}
        assert reader.manifest()["shops"].generation == "g1"


def test_a_function_computes_a_column():
    call = yaml_of("softsign")["on_demand"]
    made = apply_calls(call, pd.DataFrame({"price": [3.0, np.nan]}), "UTC")
    assert made["squeezed_price"].tolist() == pytest.approx([0.75, np.nan], nan_ok=True)


PROJECT = {"project": "small", "retention": "30 days"}


def write(root: Path, files: dict[str, Any]) -> Path:
    """Write files of a project."""
    for file, content in files.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return root


def write_project(root: Path) -> Path:
    """Write a project of one source and one table that uses plugins of every kind that needs no model."""
    source = {key: each for key, each in SOURCE.items() if key != "landing"}
    source |= {
        "read": yaml_of("sqlite", {"SHOP_FOLDER": "/data"})["read"],
        "rules": [{"rule": "decimals", "column": "wind_mph"}],
    }
    winds = {"feature_table": "winds", "entity": ["origin"], "from": "weather", "every": "1 hour"}
    winds |= {"aggregate": [{"of": "wind_mph", "as": ["rms"], "over": ["1 day"]}]}
    project = {**PROJECT, **yaml_of("jsonfile"), **yaml_of("teams", {"TEAMS_URL": "${TEAMS_URL}"})}
    return write(root, {"project": project, "sources/weather": source, "features/winds": winds})


def test_the_plan_lists_what_the_project_uses(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAMS_URL", "https://teams.example.com/hooks/s3cret")
    plan = make_plan(load_config(write_project(tmp_path)))
    assert [(each.group, each.word) for each in plan.plugins] == [
        ("lakeloop.aggregates", "rms"),
        ("lakeloop.channels", "teams"),
        ("lakeloop.online_stores", "jsonfile"),
        ("lakeloop.readers", "sqlite"),
        ("lakeloop.rules", "decimals"),
    ]
    text = describe_plan(plan, width=60)
    assert "  lakeloop.rules          decimals of lakeloop-decimals 1.0" in text.splitlines()
    assert "reads sqlite table orders of /data/shop.db" in text
    assert "s3cret" not in text + load_config(tmp_path).shown_notify


def test_a_json_schema_of_the_declarations_has_the_words_and_keys_that_packages_bring():
    source = json.dumps(Source.model_json_schema())
    assert '"const": "decimals"' in source
    assert '"at_most"' in source
    assert '"sqlite"' in source
    assert '"teams"' in json.dumps(Project.model_json_schema())
    aggregate = FeatureTable.model_json_schema()["$defs"]["Aggregate"]["properties"]["as"]["items"]
    assert aggregate["enum"][-2:] == ["sum", "rms"]


def test_a_project_without_plugins_uses_none():
    config = load_config(Path())
    assert all(plugins_used(each) == () for each in (config.project, *config.sources.values(), *config.models.values()))
    assert Project.model_validate({"project": "a", "retention": "1 day"}).notify.named["file"].word == "file"


def test_the_messages_that_are_shown_are_those_that_are_seen(tmp_path):
    columns = {name: {"type": kind} for name, kind in (("id", "string"), ("at", "timestamp"), ("price", "double"))}
    source = {
        "source": "orders",
        "landing": {"path": "orders"},
        "columns": columns,
        "key": ["id"],
        "event_ts": "at",
        "available_ts": "at",
    }
    rules = yaml_of("decimals")["rules"]
    config = load_config(write(tmp_path, {"project": PROJECT, "sources/orders": {**source, "rules": rules}}))
    used = "plugins\n  lakeloop.rules  decimals of lakeloop-decimals 1.0\n"
    assert used in describe_plan(make_plan(config), width=60)
    assert f"```\n{used}```" in PAGE
    write(tmp_path, {"sources/orders": {**source, "rules": [{**rules[0], "rule": "decimal"}]}})
    with pytest.raises(ConfigError) as raised:
        load_config(tmp_path)
    (issue,) = raised.value.issues
    assert f"```\n{replace(issue, line=9)}\n```" in PAGE


def use_everywhere() -> tuple[Config, Model]:
    """The flights project, as if it used a rule, a window function, a statistic and a function of packages."""
    config = load_config(Path())
    model, outcomes = config.models["late_arrival"], config.sources["outcomes"]
    delays = config.feature_tables["carrier_delays"]
    windows = FeatureTable.model_validate(
        {
            "feature_table": "carrier_delays",
            "entity": ["carrier"],
            "from": "outcomes",
            "every": "1 hour",
            "aggregate": [{"of": "arrival_delay_minutes", "as": ["rms"], "over": ["1 day"]}],
        }
    )
    assert delays.entity == windows.entity
    rule = declare(rules=[{"rule": "decimals", "column": "wind_mph"}]).rules
    monitor = Monitor(statistic=yaml_of("le_cam")["monitor"]["statistic"])
    changed = replace(
        config,
        sources={**config.sources, "outcomes": outcomes.model_copy(update={"rules": rule})},
        feature_tables={**config.feature_tables, "carrier_delays": windows},
    )
    return changed, model.model_copy(update={"monitor": monitor, "on_demand": {"far": "softsign(distance)"}})


def test_a_set_and_a_version_are_recorded_with_the_packages_of_all_below_them():
    config, model = use_everywhere()
    context: Any = SimpleNamespace(config=config)
    assert plugin_packages(context, model) == {
        "lakeloop-decimals": "1.0",
        "lakeloop-le-cam": "1.0",
        "lakeloop-rms": "1.0",
        "lakeloop-softsign": "1.0",
    }
    assert releases(function_plugins(model)) == {"lakeloop-softsign": "1.0"}


def test_another_release_of_a_function_is_told_when_its_champion_scores():
    _, model = use_everywhere()

    def trained_with(packages: dict[str, str] | None) -> Any:
        return SimpleNamespace(version="3", tags={} if packages is None else {PACKAGES_TAG: json.dumps(packages)})

    (told,) = changed_functions(model, trained_with({"lakeloop-softsign": "0.9", "lakeloop-rms": "0.1"}))
    assert told == (
        "lakeloop-softsign 1.0 is installed, version 3 was trained with 0.9: its functions may answer otherwise"
    )
    assert changed_functions(model, trained_with({"lakeloop-softsign": "1.0"})) == ()
    assert changed_functions(model, trained_with(None)) == ()
