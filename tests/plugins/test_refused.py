"""What of a plugin is refused, with the line that uses it and what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakeloop.cli import main
from lakeloop.config.loading import load_config
from lakeloop.distances import find_distance
from lakeloop.entry_points import PluginGroup, find_plugin, list_plugins
from lakeloop.errors import ConfigError, ConfigIssue, PluginError
from lakeloop.on_demand.calls import parse_call
from lakeloop.online_store.opening import open_store
from lakeloop.runs.installed_plugins import describe_plugins, examine_plugins
from tests.factories import SOURCE
from tests.plugin_packages import install

NUMBERED = """
from typing import Literal
from pydantic import SecretStr
from lakeloop.plugins.rules import Condition, DeclaredRule
from lakeloop.plugins.aggregates import LEAST, Part, WindowAggregate
from lakeloop.plugins.distances import Distance
from lakeloop.plugins.channels import SENT, DeclaredChannel
from lakeloop.plugins.readers import DeclaredReader

class Odd(DeclaredRule):
    rule: Literal["odd"]
    column: str
    @property
    def label(self):
        return "odd"
    def conditions(self):
        return (Condition("odd", self.column, "true", "is even"),)

class Bare(DeclaredRule):
    rule: Literal["bare"]

class Board(DeclaredChannel):
    wall: str
    key: SecretStr
    def send(self, message, place, seconds):
        return SENT

class Half(DeclaredReader):
    table: str

LOW = WindowAggregate("low", "least", (LEAST,), "{lo}")
LOST = WindowAggregate("lost", "least", (Part("lo", "min({values})", "min"),), "{lo}")
FAR = Distance("far", "far", 0.1, lambda a, b: abs(a - b).max(axis=-1), table_column="far_distance")
NUMBER = 7
"""


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Install packages that bring words of a group."""

    def bring(group: str, words: Mapping[str, str], package: str = "odds", text: str = NUMBERED, **more: Any) -> None:
        module = package.replace("-", "_")
        install(
            monkeypatch,
            tmp_path / "site-packages",
            {f"{module}.py": text},
            {group: {word: f"{module}:{target}" for word, target in words.items()}},
            package=package,
            **more,
        )

    return bring


def issues(root: Path, **files: Mapping[str, Any]) -> tuple[ConfigIssue, ...]:
    """Read a project of one source, with changes to its files, and give the mistakes."""
    known: dict[str, Mapping[str, Any]] = {"project": {"project": "small", "retention": "30 days"}, "weather": SOURCE}
    for name, changes in {**{key: {} for key in known}, **files}.items():
        folder = {"project": "", "weather": "sources/"}.get(name, "features/")
        path = root / "conf" / "base" / f"{folder}{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump({**known.get(name, {}), **changes}, sort_keys=False), encoding="utf-8")
    try:
        load_config(root)
    except ConfigError as error:
        return error.issues
    return ()


def rule(root: Path, word: str, **keys: Any) -> ConfigIssue:
    (issue,) = issues(root, weather={"rules": [{"rule": word, "column": "origin", **keys}]})
    assert issue.file == "conf/base/sources/weather.yml"
    lines = (root / issue.file).read_text(encoding="utf-8").splitlines()
    assert "rule: " in lines[(issue.line or 0) - 1] or issue.where != "rules[0].rule"
    return issue


def windows(word: str) -> dict[str, Any]:
    return {
        "feature_table": "winds",
        "entity": ["origin"],
        "from": "weather",
        "every": "1 hour",
        "aggregate": [{"of": "wind_mph", "as": [word], "over": ["1 day"]}],
    }


BRINGS = "install the package that brings it (entry points of {})"


def test_a_word_that_nobody_brings_names_the_installed_ones(bring, tmp_path):
    bring("lakeloop.rules", {"odd": "Odd"})
    issue = rule(tmp_path, "nonsense")
    assert (issue.where, issue.got) == ("rules[0].rule", "'nonsense'")
    assert issue.allowed.endswith("range, row_count, unique, odd")
    assert issue.remedy == f"write one of these, or {BRINGS.format('lakeloop.rules')}"
    assert rule(tmp_path, "od").remedy == "did you mean 'odd'?"


@pytest.mark.parametrize(
    ("word", "remedy"),
    [("nonsense", f"write one of these, or {BRINGS.format('lakeloop.aggregates')}"), ("lov", "did you mean 'low'?")],
)
def test_an_aggregate_that_nobody_brings(bring, tmp_path, word, remedy):
    bring("lakeloop.aggregates", {"low": "LOW"})
    (issue,) = issues(tmp_path, winds=windows(word))
    assert (issue.file, issue.where, issue.remedy) == ("conf/base/features/winds.yml", "aggregate[0].as[0]", remedy)
    assert issue.allowed.endswith("'sum' or 'low'")
    assert issues(tmp_path, winds=windows("low")) == ()


def test_a_channel_and_a_reader_that_nobody_brings(bring, tmp_path):
    bring("lakeloop.channels", {"board": "Board"})
    project = {"notify": {"channels": {"oncall": {"teams": {"url": "x"}}}}}
    (issue,) = issues(tmp_path, project=project)
    assert (issue.where, issue.got) == ("notify.channels.oncall.teams", "the key 'teams'")
    assert "board" in issue.allowed.split(", ")
    assert issue.remedy == f"remove the key, or {BRINGS.format('lakeloop.channels')}"
    (issue,) = issues(tmp_path, weather={"landing": None, "read": {"rest": {"url": "x"}}})
    assert (issue.where, issue.remedy) == ("read.rest", f"remove the key, or {BRINGS.format('lakeloop.readers')}")


def test_an_online_store_that_nobody_brings(tmp_path):
    (issue,) = issues(tmp_path, project={"online_store": {"address": "mine://host/0"}})
    assert (issue.line, issue.where, issue.got) == (4, "online_store.address", "the scheme 'mine'")
    assert issue.allowed == "sqlite, redis, rediss"
    assert issue.remedy == f"write one of these, or {BRINGS.format('lakeloop.online_stores')}"


def test_a_word_of_two_packages_names_both(bring, tmp_path):
    bring("lakeloop.rules", {"odd": "Odd"})
    bring("lakeloop.rules", {"odd": "Odd"}, package="more-odds", version="2.1")
    issue = rule(tmp_path, "odd")
    assert issue.got == "'odd': clash: it is brought by more-odds 2.1 and by odds 1.0"
    assert issue.remedy == "uninstall one of more-odds and odds, or ask for another word in it"
    with pytest.raises(PluginError, match=r"odd \(lakeloop.rules\): cannot be used"):
        find_plugin(PluginGroup.RULES, "odd")


@pytest.mark.parametrize(
    ("group", "word", "target"),
    [
        ("lakeloop.rules", "range", "Odd"),
        ("lakeloop.aggregates", "max", "LOW"),
        ("lakeloop.channels", "slack", "Board"),
        ("lakeloop.channels", "quiet_hours", "Board"),
        ("lakeloop.readers", "delta", "Half"),
        ("lakeloop.readers", "copy", "Half"),
        ("lakeloop.online_stores", "sqlite", "Odd"),
    ],
)
def test_a_word_that_is_built_in_is_refused_where_it_is_used(bring, tmp_path, group, word, target):
    bring(group, {word: target})
    used = {
        "lakeloop.rules": {"weather": {"rules": [{"rule": word, "column": "wind_mph", "min": 0}]}},
        "lakeloop.aggregates": {"winds": windows(word)},
        "lakeloop.channels": {"project": {"notify": {"channels": {"oncall": {word: "x"}}}}},
        "lakeloop.readers": {"weather": {"landing": None, "read": {word: "x"}}},
        "lakeloop.online_stores": {"project": {"online_store": {"address": f"{word}:///x"}}},
    }
    (issue,) = issues(tmp_path, **used[group])
    assert "clash: it is brought by odds 1.0 and by lakeloop itself" in issue.got
    assert issue.remedy == "uninstall odds, or ask for another word in it"


def test_a_package_that_cannot_be_imported_says_so_where_it_is_used_alone(bring, tmp_path):
    bring("lakeloop.rules", {"odd": "Odd"}, text="import no_such_library\n")
    assert issues(tmp_path) == ()
    issue = rule(tmp_path, "odd")
    assert issue.got == ("'odd': import: odds:Odd of odds 1.0: ModuleNotFoundError: No module named 'no_such_library'")
    assert issue.allowed == "a plugin that can be used"
    assert issue.remedy == "install what odds needs (pip check), or another release of it; or uninstall it"


@pytest.mark.parametrize(
    ("group", "word", "target", "said"),
    [
        ("rules", "odd", "NUMBER", "it is int, not a class that inherits from lakeloop.plugins.rules.DeclaredRule"),
        ("rules", "odd", "Bare", "its key `rule` does not say the word of the entry point"),
        ("rules", "bare", "Bare", "it lacks label"),
        ("rules", "odd", "Missing", "has no attribute 'Missing'"),
        ("aggregates", "low", "NUMBER", "it is int, not a lakeloop.plugins.aggregates.WindowAggregate"),
        ("aggregates", "lost", "LOST", "its part lo names values, other than level, raw, value"),
        ("aggregates", "lower", "LOW", "its name is 'low', not that of the entry point"),
        ("distances", "far", "NUMBER", "it is int, not a lakeloop.plugins.distances.Distance"),
        ("distances", "far", "FAR", "it names a table_column, which only lakeloop's own have"),
        (
            "channels",
            "board",
            "Odd",
            "it is Odd, not a class that inherits from lakeloop.plugins.channels.",
        ),
        (
            "readers",
            "half",
            "Board",
            "it is Board, not a class that inherits from lakeloop.plugins.readers.DeclaredReader",
        ),
        ("readers", "half", "Half", "it lacks fetch, place"),
        ("online_stores", "mine", "NUMBER", "it is int, not a function that opens a store"),
        ("on_demand", "odd", "NUMBER", "it is int, not a function"),
        ("rules", "Odd-1", "Odd", "a word is made of lower case letters, digits and underscores, and begins with a"),
    ],
)
def test_what_is_of_another_kind_is_told_with_package_and_entry_point(bring, group, word, target, said):
    bring(f"lakeloop.{group}", {word: target})
    ((plugin,), (error,)) = examine_plugins()
    assert (plugin.word, plugin.package, plugin.version) == (word, "odds", "1.0")
    assert f"odds:{target} of odds 1.0: " in plugin.problem
    assert said in plugin.problem
    assert error.exit_code == 7
    assert "odds" in error.remedy
    assert describe_plugins((plugin,)).endswith("odds 1.0  CANNOT BE USED")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("return ['true']", "TypeError: conditions gives list, it has to give tuple"),
        ("return ('true',)", "TypeError: conditions gives str, each has to be a Condition"),
        ("raise KeyError('x')", "KeyError: 'x'"),
    ],
)
def test_a_rule_that_fails_when_it_is_asked_is_told_with_its_package(bring, tmp_path, wrong, said):
    good = 'return (Condition("odd", self.column, "true", "is even"),)'
    bring("lakeloop.rules", {"odd": "Odd"}, text=NUMBERED.replace(good, wrong))
    issue = rule(tmp_path, "odd")
    assert issue.got == f"'odd': failed: odds:Odd of odds 1.0: {said}"
    assert issue.remedy == "ask who makes odds, or install another release of it"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("a * float('nan')", "gave distances of shape (3,) where () was asked for"),
        ("(a * float('nan')).sum(axis=-1)", "gave a distance that is negative, infinite or not a number"),
        ("(a - b).sum(axis=-1) - 1", "gave a distance that is negative, infinite or not a number"),
        ("a / 0 + []", "ValueError: operands could not be broadcast together"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_statistic_that_is_not_known_is_never_a_small_one(bring, wrong, said):
    bring(
        "lakeloop.distances",
        {"far": "WRONG"},
        text=f"""{NUMBERED}
WRONG = Distance("far", "far", 0.1, lambda a, b: {wrong})
""",
    )
    with pytest.raises(PluginError) as raised:
        find_distance("far").between([0.5, 0.3, 0.2], [0.2, 0.3, 0.5])
    (failure,) = raised.value.failures
    assert failure.detail.startswith(f"odds:WRONG of odds 1.0: {said}")


def test_a_package_for_a_later_lakeloop_is_refused(bring, tmp_path):
    bring("lakeloop.rules", {"odd": "Odd"}, text=f"LAKELOOP_PROTOCOL = 2\n{NUMBERED}")
    issue = rule(tmp_path, "odd")
    assert issue.got.endswith("it is written for protocol 2, this lakeloop speaks 1")
    assert issue.remedy == "install releases of lakeloop and odds that fit each other"


def test_keys_of_a_plugin_are_read_as_strictly_as_lakeloops_own(bring, tmp_path):
    bring("lakeloop.rules", {"odd": "Odd"})
    bring("lakeloop.channels", {"board": "Board"}, package="boards")
    issue = rule(tmp_path, "odd", sevrity="warn")
    assert (issue.where, issue.allowed) == ("rules[0].sevrity", "column, rule, severity")
    assert issue.remedy == "did you mean 'severity'?"
    channel = {"board": {"wal": "hall", "key": "${BOARD_KEY}"}, "severty": "info"}
    found = issues(tmp_path, weather={"rules": []}, project={"notify": {"channels": {"oncall": channel}}})
    assert {(each.where.removeprefix("notify.channels.oncall."), each.remedy) for each in found} >= {
        ("board.wal", "did you mean 'wall'?"),
        ("severty", "did you mean 'severity'?"),
    }


def test_two_kinds_of_a_channel_are_refused(bring, tmp_path, monkeypatch):
    monkeypatch.setenv("BOARD_KEY", "hunter22")
    bring("lakeloop.channels", {"board": "Board"})
    channel = {"board": {"wall": "hall", "key": "${BOARD_KEY}"}, "file": "told.jsonl"}
    (issue,) = issues(tmp_path, project={"notify": {"channels": {"oncall": channel}}})
    assert issue.allowed == "declare exactly one of file, command, slack, webhook, email, board"


def test_a_secret_of_a_plugin_stands_in_a_variable(bring, tmp_path, monkeypatch):
    monkeypatch.setenv("BOARD_KEY", "hunter22")
    bring("lakeloop.channels", {"board": "Board"})
    declared = {"notify": {"channels": {"oncall": {"board": {"wall": "hall", "key": "${BOARD_KEY}"}}}}}
    assert issues(tmp_path, project=declared) == ()
    declared["notify"]["channels"]["oncall"]["board"]["key"] = "hunter22"
    (issue,) = issues(tmp_path, project=declared)
    assert (issue.where, issue.got) == ("notify.channels.oncall.board.key", "(hidden), in the file itself")
    assert issue.remedy == "write key: ${NAME}"


def test_a_function_and_a_store_say_what_is_wrong(bring):
    bring("lakeloop.on_demand", {"hour": "Odd"})
    with pytest.raises(PluginError, match=r"it is brought by odds 1.0 and by lakeloop itself"):
        parse_call("hour(departure_ts)")
    with pytest.raises(ValueError, match=r"install the package that brings it \(entry points of lakeloop.on_demand\)"):
        parse_call("quux(departure_ts)")
    bring("lakeloop.online_stores", {"mine": "Missing"}, package="stores")
    with pytest.raises(PluginError, match=r"stores:Missing of stores 1.0: AttributeError"):
        open_store("mine://host", "demo")


def test_a_group_that_is_none_is_told(bring):
    bring("lakeloop.rule", {"odd": "Odd"})
    assert list_plugins() == ()
    ((plugin,), (error,)) = examine_plugins()
    assert plugin.problem.startswith("group: odds 1.0: there is no such group; allowed: lakeloop.rules, ")
    assert error.remedy == "did you mean 'lakeloop.rules'?"


def test_only_what_is_used_is_loaded(bring, tmp_path):
    bring("lakeloop.rules", {"odd": "Odd"})
    assert issues(tmp_path) == ()
    assert "odds" not in sys.modules
    assert issues(tmp_path, weather={"rules": [{"rule": "odd", "column": "origin"}]}) == ()
    assert "odds" in sys.modules


def test_the_verb_lists_and_ends_with_7_where_something_cannot_be_used(bring, capsys):
    bring("lakeloop.rules", {"odd": "Odd", "even": "NUMBER"})
    with pytest.raises(SystemExit) as stop:
        main(["plugins"])
    said = capsys.readouterr()
    assert stop.value.code == 7
    assert said.out.splitlines() == [
        "lakeloop.rules  even  odds 1.0  CANNOT BE USED",
        "lakeloop.rules  odd   odds 1.0",
    ]
    assert said.err.splitlines()[0] == "even (lakeloop.rules): cannot be used"
    with pytest.raises(SystemExit):
        main(["plugins", "--json"])
    line = json.loads(capsys.readouterr().out)
    assert [each["word"] for each in line["result"]["plugins"]] == ["even", "odd"]
    assert line["error"]["type"] == "PluginError"
