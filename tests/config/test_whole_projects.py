"""All mistakes of a project in one go, and what holds for every section and every key."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.loading import load_config
from lakeloop.config.located_yaml import dotted, parse_yaml
from lakeloop.config.mistakes import section_issues
from lakeloop.config.model import Model
from lakeloop.config.project import Project
from lakeloop.config.section import Section
from lakeloop.config.source import Source
from lakeloop.errors import ConfigError, ConfigIssue
from tests.config import test_model_references, test_references, test_traps, test_wrong_files
from tests.config.small_project import (
    CARRIER_DELAYS,
    MODEL,
    OUTCOMES,
    PROJECT,
    READINGS,
    SCHEDULES,
    WEATHER,
    edited,
    write_project,
)
from tests.config.wrong_project import Wrong

TABLES = (test_wrong_files.WRONG, test_references.WRONG, test_model_references.WRONG, test_traps.WRONG)

FULL_PROJECT = PROJECT + (
    "description: x\nworkspace: w\ncatalog: main\ntracking_uri: databricks\nmemory_budget_mib: 1\nseed: 1\n"
    "spark: {a: 1}\n"
)
FULL_SCHEDULES = SCHEDULES.replace("{type: string}", "{type: string, description: x, unit: y}", 1) + (
    "  - {rule: unique, columns: [flight], severity: quarantine}\n"
    "description: x\nowner: y\nhistory: {trusted_until: 2014-01-01}\ngate: {min_rows: 0}\n"
)
FULL_MODEL = (
    MODEL.replace("absolute", "")
    .replace("slices: [origin, flight]", "against: [champion], absolute: {roc_auc: {min: 0.5, max: 1}}, "
             "too_good: {roc_auc: 0.9}, block: day, min_blocks: 5, confidence: 0.9, resamples: 100, slices: [origin]")
    .replace("monitor: {", "monitor: {window: 7 days, persistence: 2 of 3, level: 0.1, min_effect: {psi: 0.2}, "
             "min_rows: 5, min_blocks: 20, reference: 60 days, bins: 5, ")
    .replace("when: {bias: 0.02}", "cooldown: 7 days, min_closed_days: 5, when: {bias: 0.1, "
             "skill: 0.1, contract_drift: any}")
    .replace("split: {", "split: {train: all past, gap: 1 day, ")
    .replace("search:", "params: {max_iter: 5}, search:")
    + "description: x\nowner: y\ntask: classification\n"
)  # fmt: skip
WHOLE: tuple[tuple[str, type[Section]], ...] = (
    (FULL_PROJECT, Project), (FULL_SCHEDULES, Source), (OUTCOMES, Source), (WEATHER, Source),
    ("description: x\nowner: y\n" + CARRIER_DELAYS, FeatureTable), (READINGS, FeatureTable), (FULL_MODEL, Model),
)  # fmt: skip


def issues_of(root: Path, env: str | None = None, **options: Any) -> tuple[ConfigIssue, ...]:
    with pytest.raises(ConfigError) as raised:
        load_config(root, env, **options)
    return raised.value.issues


def test_there_are_many_cases_and_each_tells_everything() -> None:
    cases = [case for table in TABLES for case in table]
    assert all(isinstance(case, Wrong) for case in cases)
    assert len({(case.file, case.old, case.new) for case in cases}) == len(cases) >= 40
    for case in cases:
        assert case.file.startswith("conf/"), case
        assert case.where, case
        assert sum(map(bool, (case.got, case.allowed, case.remedy))) >= 2, case


def test_many_mistakes_over_several_files_are_told_in_one_go(tmp_path: Path) -> None:
    model = MODEL
    for old, new in [
        ("at: departure_ts -", "at: departur_ts -"),
        ("06:00 next day", "6 next day"),
        ("validation: 14 days, holdout: 28 days", "validation: 14 hours, holdout: 28 hours"),
        ("metric: log_loss", "metric: logloss"),
        ("slices: [origin,", "slices: [orign,"),
        ("contract: [distance", "contract: [distnce"),
        ("schedule: 28 days", "schedul: 28 days"),
    ]:
        assert model.count(old) == 1
        model = model.replace(old, new)
    changes = {
        "conf/base/project.yml": PROJECT.replace("New_York", "New_Yorc") + "seed: true\nworkspace: ${NOT_SET}\n",
        "conf/base/sources/schedules.yml": SCHEDULES.replace("rule: range", "rule: rnage")
        .replace("[EWR, JFK]", "[EWR, EWR]")
        .replace("columns: [carrier, flight]", "columns: [carrier, fligth]"),
        "conf/base/sources/outcomes.yml": OUTCOMES.replace("2014-01-01", "2014").replace(">= 15", ">="),
        "conf/base/features/carrier_delays.yml": CARRIER_DELAYS.replace("1 hour", "1 housr").replace("[carr", "[car"),
        "conf/base/features/readings.yml": READINGS.replace("6 hours", "-6 hours"),
        "conf/base/models/late_arrival.yml": model,
    }
    issues = issues_of(write_project(tmp_path, changes), variables={})
    assert [(issue.file.removeprefix("conf/base/"), issue.line, issue.where) for issue in issues] == [
        ("features/carrier_delays.yml", 2, "entity[0]"),
        ("features/carrier_delays.yml", 4, "every"),
        ("features/readings.yml", 4, "ttl"),
        ("models/late_arrival.yml", 5, "predict.at"),
        ("models/late_arrival.yml", 11, "label.closes.at"),
        ("models/late_arrival.yml", 16, "split.holdout"),
        ("models/late_arrival.yml", 16, "split.validation"),
        ("models/late_arrival.yml", 22, "gate.metric"),
        ("models/late_arrival.yml", 22, "gate.slices[0]"),
        ("models/late_arrival.yml", 23, "monitor.roles.contract[0]"),
        ("models/late_arrival.yml", 24, "decide.schedul"),
        ("project.yml", 2, "timezone"),
        ("project.yml", 5, "seed"),
        ("project.yml", 6, "workspace"),
        ("sources/outcomes.yml", 10, "derive.is_late.as"),
        ("sources/outcomes.yml", 14, "history.trusted_until"),
        ("sources/schedules.yml", 17, "rules[0].columns[1]"),
        ("sources/schedules.yml", 18, "rules[1].rule"),
        ("sources/schedules.yml", 19, "rules[2].values[1]"),
    ]
    lines = str(ConfigError(issues)).splitlines()
    assert lines[0] == "19 mistakes in the project's configuration"
    assert all(len(line) <= 80 or " " not in line.strip() for line in lines)
    assert len(lines) < 120


def test_a_message_is_bounded_however_many_mistakes_there_are() -> None:
    issue = ConfigIssue("conf/base/project.yml", 1, "seed", "x", "y", "z")
    assert len(str(ConfigError([issue] * 1000)).splitlines()) == 1 + 50 * 4 + 1


def _paths(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*path, key)
            yield from _paths(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _paths(value, (*path, index))


def _chosen_by_the_project(path: tuple[str | int, ...]) -> bool:
    named = {"columns", "derive", "attributes", "on_demand", "void", "params", "search", "spark"}
    return len(path) > 1 and path[-2] in named


@pytest.mark.parametrize(("text", "section"), WHOLE, ids=lambda each: getattr(each, "__name__", ""))
def test_every_key_with_a_slip_is_told_with_its_line_and_the_key_that_was_meant(
    text: str, section: type[Section]
) -> None:
    document = parse_yaml(text, "x.yml")
    section.model_validate(document.data)
    tried = 0
    for path in _paths(document.data):
        key = path[-1]
        if not isinstance(key, str) or key == "rule" or _chosen_by_the_project(path):
            continue  # without `rule` nothing says which keys belong there: it is told as missing
        slip = key + key[-1] if len(key) < 4 else key[:2] + key[3:]
        data = yaml.safe_load(yaml.safe_dump(document.data, sort_keys=False))
        inside = data
        for part in path[:-1]:
            inside = inside[part]
        renamed = {(slip if name == key else name): value for name, value in inside.items()}
        inside.clear()
        inside.update(renamed)
        wrong = parse_yaml(yaml.safe_dump(data, sort_keys=False), "x.yml")
        with pytest.raises(ValidationError) as raised:
            section.model_validate(wrong.data)
        here = (*path[:-1], slip)
        told = [i for i in section_issues(wrong, raised.value, section) if i.where == dotted(here)]
        assert told, (path, slip)
        assert told[0].line == wrong.places[here].key_line
        assert key in told[0].remedy, (path, slip, told[0].remedy)
        tried += 1
    assert tried > 3


def _sections(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield of
    for field in of.model_fields.values():
        pending = [field.annotation]
        while pending:
            each = pending.pop()
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from _sections(each)
            pending += get_args(each)


def _holds_a_float(annotation: Any) -> bool:
    return annotation is float or any(_holds_a_float(each) for each in get_args(annotation))


FLOATS = sorted(
    {
        (section, name)
        for root in (Project, Source, FeatureTable, Model)
        for section in _sections(root)
        for name, field in section.model_fields.items()
        if _holds_a_float(field.annotation)
    },
    key=lambda each: (each[0].__name__, each[1]),
)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("section", "name"), FLOATS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_no_field_takes_a_number_that_is_none(section: type[BaseModel], name: str, value: float) -> None:
    field = section.model_fields[name]
    shapes: list[Any] = [value]
    if "dict" in str(field.annotation):
        key = {"absolute": "roc_auc", "too_good": "roc_auc", "min_effect": "psi"}.get(name, "a")
        shapes = [{key: value}, {key: [value]}]
    for shape in shapes:
        with pytest.raises(ValidationError) as raised:
            section.model_validate({field.alias or name: shape})
        assert any(detail["loc"][0] == (field.alias or name) for detail in raised.value.errors())


def test_fields_of_numbers_were_found() -> None:
    found = {f"{section.__name__}.{name}" for section, name in FLOATS}
    assert {"Range.min", "Range.max", "Bounds.min", "Bounds.max", "Gate.non_inferior_by", "Gate.too_good"} <= found
    assert {"Monitor.level", "Monitor.min_effect", "When.bias", "When.skill", "Estimator.params"} <= found


@pytest.mark.parametrize(
    ("file", "text", "line", "where", "got", "remedy"),
    [
        (
            "sources/weather.yml",
            "\ncolumns: {wind_mhp: {type: integer}}",
            2,
            "columns.wind_mhp",
            "does not have",
            "'wind_mph'",
        ),
        (
            "sources/weather.yml",
            "columns: {wind_mhp: {unit: mph}}",
            1,
            "columns.wind_mhp",
            "does not have",
            "'wind_mph'",
        ),
        ("sources/outcomes.yml", "derive:\n  is_lat: {as: x}", 2, "derive.is_lat", "does not have", "'is_late'"),
        (
            "features/readings.yml",
            "attributes: {gust: {as: gust_mph}}",
            1,
            "attributes.gust",
            "does not have",
            "remove it",
        ),
        ("models/late_arrival.yml", "on_demand: {hours: hour(x)}", 1, "on_demand.hours", "does not have", "remove it"),
        (
            "models/late_arrival.yml",
            "label: {void: {divertd: x}}",
            1,
            "label.void.divertd",
            "does not have",
            "'diverted'",
        ),
        ("models/late_arrival.yml", "gate: {slcies: [origin]}", 1, "gate.slcies", "the key 'slcies'", "'slices'"),
        ("models/late_arrival.yml", "gatte: {slices: [origin]}", 1, "gatte", "the key 'gatte'", "'gate'"),
        ("sources/schedules.yml", "rules: {1: {min: 60}}", 1, "rules", "a section", "write the whole list"),
        (
            "features/carrier_delays.yml",
            "aggregate:\n  0: {over: [1 day]}",
            2,
            "aggregate",
            "a section",
            "the whole list",
        ),
        ("features/carrier_delays.yml", "aggregate: []", 1, "the file", "a section", "change"),
        ("models/late_arrival.yml", "split: 7 days", 1, "split", "'7 days'", "key: value"),
    ],
)
def test_an_override_that_matches_nothing_is_told_in_its_own_file(
    tmp_path: Path, file: str, text: str, line: int, where: str, got: str, remedy: str
) -> None:
    root = write_project(tmp_path, {f"conf/dev/{file}": text})
    (issue,) = issues_of(root, "dev")
    assert (issue.file.partition("/")[2].partition("/")[2], issue.where) == (file, where)
    if where != "the file":
        assert (issue.file, issue.line) == (f"conf/dev/{file}", line)
    assert got in issue.got
    assert remedy in issue.remedy


def test_a_mistake_of_an_override_does_not_hide_those_of_the_base(tmp_path: Path) -> None:
    changes = {
        **edited("conf/base/models/late_arrival.yml", "metric: log_loss", "metric: logloss"),
        "conf/dev/models/late_arrival.yml": "model: later",
    }
    issues = issues_of(write_project(tmp_path, changes), "dev")
    assert [(issue.file, issue.where) for issue in issues] == [
        ("conf/base/models/late_arrival.yml", "gate.metric"),
        ("conf/dev/models/late_arrival.yml", "model"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "where", "got", "remedy"),
    [
        (
            "sklearn.linear_model.LogisticRegression",
            "sklearn.linear_modl.LogisticRegression",
            "class",
            "No module",
            "install",
        ),
        ("LogisticRegression", "LogisticRegresion", "class", "no class of sklearn.linear_model", "LogisticRegression"),
        ("LogisticRegression", "LinearRegression", "class", "without predict_proba", "correct the task"),
        (
            "sklearn.linear_model.LogisticRegression",
            "json.JSONEncoder",
            "class",
            "without fit, predict",
            "such a class",
        ),
        ("sklearn.linear_model.LogisticRegression", "json.dumps", "class", "no class of json", "correct the name"),
        ("search: {C:", "search: {c:", "search.c", "the parameter 'c'", "'C'"),
        ("search: {C:", "params: {max_itr: 3}, search: {C:", "params.max_itr", "'max_itr'", "'max_iter'"),
    ],
)
def test_an_estimator_is_imported_and_its_parameters_are_checked_when_asked_for(
    tmp_path: Path, old: str, new: str, where: str, got: str, remedy: str
) -> None:
    root = write_project(tmp_path, edited("conf/base/models/late_arrival.yml", old, new))
    load_config(root)  # a job that does not train runs where the estimator is not installed
    (issue,) = issues_of(root, import_estimators=True)
    assert (issue.where, issue.line) == (f"estimator.{where}", 21)
    assert got in issue.got
    assert remedy in issue.remedy


def test_chains_of_derived_columns_go_from_top_to_bottom(tmp_path: Path) -> None:
    new = "derive:\n  a: {as: flight + 1, type: long}\n  b: {as: a + 1, type: long}\n  c: {as: b + a, type: long}\n"
    config = load_config(write_project(tmp_path, edited("conf/base/sources/schedules.yml", "derive:\n", new)))
    assert list(config.sources["schedules"].derive) == ["a", "b", "c", "departure_ts"]


def test_texts_that_older_yaml_takes_for_something_else_stay_text(tmp_path: Path) -> None:
    changes = edited("conf/base/sources/schedules.yml", "[EWR, JFK]", "[no, NO, off, y, 12:30, 2013-01-01, 1_000]")
    rule = load_config(write_project(tmp_path, changes)).sources["schedules"].rules[2]
    assert TypeAdapter(Any).dump_python(rule)["values"] == ("no", "NO", "off", "y", "12:30", "2013-01-01", "1_000")


def test_messages_keep_paths_whole() -> None:
    issue = ConfigIssue("conf/" + "x" * 100 + ".yml", 3, "a.b", "g " * 60, "a", "r")
    assert str(issue).splitlines()[0] == f"{issue.file}:3: a.b"
    assert textwrap.dedent(str(issue).splitlines()[2]).startswith("g")
