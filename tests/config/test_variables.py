"""Environment variables in values: filled, refused with their place, and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config.loading import load_config
from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.variables import hide_values
from lakeloop.errors import ConfigError, ConfigIssue
from tests.config.small_project import MODEL, OUTCOMES, PROJECT, edited, write_project

SECRET = "postgresql://me:hunter2-hunter2@db.example.com/mlflow"


def issues_of(root: Path, variables: Mapping[str, str]) -> tuple[ConfigIssue, ...]:
    with pytest.raises(ConfigError) as raised:
        load_config(root, variables=variables)
    return raised.value.issues


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${N}", 7),  # a whole value without quotes is read as if the variable's text stood there
        ("'${N}'", "7"),  # in quotes it is text
        ('"${N}"', "7"),
        ("${N}0", "70"),  # a part of a value is text
        ("${YES}", True),
        ("${HALF}", 0.5),
        ("${NOTHING}", None),
        ("${NO}", "no"),
        ("${DATE}", "2013-01-01"),
        ("${UNSET:-5}", 5),
        ("${UNSET:-}", None),
        ("${EMPTY:-fallback}", "fallback"),  # empty counts as not set, as in a shell
        ("a/${N}/${UNSET:-b}", "a/7/b"),
        ("$${N}", "${N}"),
        ("$N", "$N"),
        ("a$", "a$"),
        ("{a: '${N}'}", {"a": "7"}),
        ("['${N}']", ["7"]),
        ("${LIST}", "[1, 2]"),  # a variable never makes a list or a section
        ("${NESTED}", "${N}"),  # nor is its text looked into again
    ],
)
def test_a_variable_is_put_into_a_value(written: str, value: Any) -> None:
    variables = {
        "N": "7", "YES": "true", "HALF": "0.5", "NOTHING": "null", "NO": "no", "DATE": "2013-01-01", "EMPTY": "",
        "LIST": "[1, 2]", "NESTED": "${N}",
    }  # fmt: skip
    read = parse_yaml(f"key: {written}", "x.yml", variables)
    assert read.issues == ()
    assert read.data == {"key": value}
    assert type(read.data["key"]) is type(value)


@pytest.mark.parametrize(
    ("written", "got", "allowed", "remedy"),
    [
        ("${UNSET}", "variable UNSET, which is not set", "has a value", "set it, or give a default: ${UNSET:-...}"),
        ("${EMPTY}", "variable EMPTY, which is set, but empty", "has a value", "set it"),
        ("${MLFLOW_URL}", "MLFLOW_URL, which is not set", "has a value", "did you mean ${MLFLOW_URI}?"),
        ("a${UNSET}b", "UNSET, which is not set", "has a value", "set it"),
        ("'${}'", "'${}'", "${NAME:-default}", "in that form"),
        ("'${1}'", "'${1}'", "${NAME:-default}", "in that form"),
        ("'${A-b}'", "'${A-b}'", "${NAME:-default}", "in that form"),
        ("'${A:-${B}}'", "'${A:-${B}}'", "${NAME:-default}", "without one variable inside another"),
        ("'${A'", "'${A'", "$${ for the two characters", "in that form"),
        ("{a: ${N}}", "inside { } or [ ]", "one valid YAML document", "put it in quotes"),
        ("[${N}]", "inside { } or [ ]", "one valid YAML document", "put it in quotes"),
    ],
)
def test_a_variable_that_cannot_be_filled_has_its_line(written: str, got: str, allowed: str, remedy: str) -> None:
    read = parse_yaml(f"# a comment\nkey: {written}", "x.yml", {"N": "7", "EMPTY": "", "MLFLOW_URI": SECRET})
    (issue,) = read.issues
    assert (issue.file, issue.line) == ("x.yml", 2)
    assert got in issue.got
    assert allowed in issue.allowed
    assert remedy in issue.remedy
    assert SECRET not in str(issue)


def test_a_variable_in_a_key_is_refused() -> None:
    (issue,) = parse_yaml("a:\n  ${N}: 1", "x.yml", {"N": "b"}).issues
    assert (issue.line, issue.got, issue.remedy) == (2, "a variable in a key", "write the key out")


def test_the_environment_of_the_process_is_read_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_SEED", "11")
    root = write_project(tmp_path, {"conf/base/project.yml": PROJECT + "seed: ${LAKE_SEED}\n"})
    assert load_config(root).project.seed == 11


def test_an_unset_variable_brings_no_mistake_that_follows_from_it(tmp_path: Path) -> None:
    changes = {
        "conf/base/project.yml": PROJECT + "workspace: ${WS}\n",
        **edited("conf/base/sources/outcomes.yml", "source: outcomes\n", "source: outcomes\nowner: ${OWNER}\n"),
        **edited("conf/base/features/carrier_delays.yml", "from: outcomes", "from: ${SOURCE}"),
    }
    issues = issues_of(write_project(tmp_path, changes), {})
    assert [(issue.where, issue.line) for issue in issues] == [("from", 3), ("workspace", 5), ("owner", 2)]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("project", "retention: 400 days", "retention: ${V}"),
        ("project", "timezone: America/New_York", "timezone: 'x${V}'"),
        ("project", "project: flights", "project: ${V}"),
        ("project", "notify: {file: notifications.jsonl}", "tracking_uri: '${V}{workspce}'"),
        ("project", "notify: {file: notifications.jsonl}", "seed: ${V}"),
        ("project", "notify: {file: notifications.jsonl}", "spark:\n  a: ['${V}']"),
        ("project", "notify: {file: notifications.jsonl}", "notify: ['${V}']"),
        ("outcomes", "landing: {path: landing/outcomes}", "landing: '${V}'"),
        ("outcomes", "delay_minutes >= 15,", "'delay_minutes = ${V}',"),
        ("outcomes", "delay_minutes >= 15,", "'delay_minutes = ''${V}',"),
        ("outcomes", "key: [carrier,", "key: ['${V}',"),
        ("outcomes", "trusted_until: 2014-01-01", "trusted_until: '${V}'"),
        ("model", "06:00 next day", "'${V}'"),
        ("model", "features: [carrier_delays.*", "features: ['${V}'"),
        ("model", "hour(departure_ts)", "hour(${V})"),
        ("model", "from: schedules", "from: ${V}"),
        ("model", "C: [0.1, 1]", "C: ['${V}', '${V}']"),
        ("model", "sklearn.linear_model.LogisticRegression", "'${V}'"),
    ],
)
def test_the_value_of_a_variable_is_in_no_message(tmp_path: Path, file: str, old: str, new: str) -> None:
    path, text = {
        "project": ("conf/base/project.yml", PROJECT),
        "outcomes": ("conf/base/sources/outcomes.yml", OUTCOMES),
        "model": ("conf/base/models/late_arrival.yml", MODEL),
    }[file]
    assert text.count(old) == 1
    issues = issues_of(write_project(tmp_path, {path: text.replace(old, new)}), {"V": SECRET})
    for issue in issues:
        told = f"{issue.got} {issue.allowed} {issue.remedy}"
        assert not any(SECRET[i : i + 8] in told for i in range(len(SECRET) - 7)), told
    assert any("${V}" in issue.got for issue in issues)


@given(value=st.text("ab/:@.-'\\ 1", min_size=4, max_size=30), before=st.text("xy ,", max_size=5))
def test_a_value_is_hidden_wherever_it_stands(value: str, before: str) -> None:
    hidden = hide_values(f"{before} {value!r} there", {value: "${V}"}, pieces=True)
    assert len(value.strip()) < 4 or value.strip() not in hidden  # a letter or a quote may stand there for itself


def test_a_short_value_is_hidden_only_where_the_text_is_about_it() -> None:
    assert hide_values("line 7 of 17", {"7": "${N}"}) == "line 7 of 17"
    assert hide_values("7 of 17", {"7": "${N}"}, pieces=True) == "${N} of 17"


def test_what_is_shown_of_addresses_has_no_value(tmp_path: Path) -> None:
    project = PROJECT.replace("notify: {file: notifications.jsonl}", "notify: {command: [send, '--to', '${HOOK}']}")
    text = project + "tracking_uri: ${URI}\n"
    config = load_config(
        write_project(tmp_path, {"conf/base/project.yml": text}), variables={"URI": SECRET, "HOOK": "https://x/t0ken"}
    )
    assert config.tracking_uri == SECRET
    assert config.project.notify.command == ("send", "--to", "https://x/t0ken")
    assert config.shown_tracking_uri == "${URI}"
    assert config.shown_notify == "send --to ${HOOK}"


def test_a_password_in_the_file_itself_is_refused_and_not_shown(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"conf/base/project.yml": PROJECT + f"tracking_uri: {SECRET}\n"})
    with pytest.raises(ConfigError) as raised:
        load_config(root)
    (issue,) = raised.value.issues
    assert (issue.where, issue.got) == ("tracking_uri", "(hidden), a password in the file itself")
    assert SECRET not in str(raised.value)


def test_a_spec_hash_follows_the_value_where_it_is_meant_and_the_text_where_it_is_a_place(tmp_path: Path) -> None:
    changes = {
        "conf/base/project.yml": PROJECT + "tracking_uri: ${URI}\n",
        "conf/base/sources/outcomes.yml": OUTCOMES.replace("landing/outcomes", "'${FEEDS}/outcomes'").replace(
            "delay_minutes >= 15,", "'delay_minutes >= ${LATE}',"
        ),
    }
    root = write_project(tmp_path, changes)

    def hashes(uri: str, feeds: str, late: str) -> tuple[str, str]:
        config = load_config(root, variables={"URI": uri, "FEEDS": feeds, "LATE": late})
        return config.spec_hash("project", "flights"), config.spec_hash("source", "outcomes")

    base = hashes(SECRET, "/a", "15")
    assert hashes("https://mlflow", "/b", "15") == base  # where things are: the same declaration everywhere
    later = hashes(SECRET, "/a", "30")
    assert later[0] == base[0]
    assert later[1] != base[1]  # what is made


def test_an_environment_may_use_variables_too(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"conf/prod/project.yml": "\nworkspace: ${WS}\nseed: ${SEED}\n"})
    config = load_config(root, "prod", variables={"WS": "/data", "SEED": "3"})
    assert (str(config.workspace), config.project.seed) == ("/data", 3)
    with pytest.raises(ConfigError) as raised:
        load_config(root, "prod", variables={"WS": "/data"})
    assert [(i.file, i.line, i.where) for i in raised.value.issues] == [("conf/prod/project.yml", 3, "seed")]
