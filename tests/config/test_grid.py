"""Spines that are a grid: how they are declared, and what is said of a wrong one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lakeloop.config import Config
from lakeloop.config.grid import read_offset
from lakeloop.config.loading import load_config
from lakeloop.config.predict import Predict
from lakeloop.discovery.dependencies import Part, Thing, dependencies
from lakeloop.discovery.private import private_columns
from lakeloop.errors import ConfigError
from tests.factories import declare_predict

MODEL = "conf/base/models/busy.yml"
SHOPS = "conf/base/sources/shops.yml"
SALES = "conf/base/sources/sales.yml"
FILES = {
    "conf/base/project.yml": "{project: grid, timezone: UTC, retention: 400 days}",
    SHOPS: """\
source: shops
landing: {path: landing/shops}
key: [shop, since_ts]
event_ts: since_ts
available_ts: since_ts
columns:
  shop: {type: string, tags: [pii]}
  city: {type: string}
  region: {type: string}
  since_ts: {type: timestamp}
rules:
  - {rule: not_null, columns: [region], severity: warn}
""",
    SALES: """\
source: sales
landing: {path: landing/sales}
key: [shop, period_ts]
event_ts: period_ts
available_ts: period_ts + interval 25 hours
columns:
  shop: {type: string}
  day_ts: {type: timestamp}
  sold: {type: double}
derive:
  period_ts: {as: day_ts, type: timestamp}
""",
    "conf/base/features/last_sales.yml": """\
feature_table: last_sales
entity: [shop]
from: sales
attributes: {sold: {as: sold}}
""",
    MODEL: """\
model: busy
predict:
  from: shops
  every: 1 day
  id: [shop, period_ts]
  known: [region]
label:
  from: sales
  as: sold >= 10
  closes: {of: period_end_ts, at: "06:00", timezone: UTC}
features: [last_sales.*]
on_demand: {day_of_week: weekday(period_ts)}
split: {validation: 3 days, holdout: 5 days}
preprocess:
  - {columns: [region], steps: [one_hot]}
  - {columns: ["*"], steps: [impute_mean]}
estimator: {class: sklearn.linear_model.LogisticRegression}
gate: {metric: log_loss, non_inferior_by: 0.05, min_blocks: 3, slices: [period_ts]}
""",
}


def load(root: Path, *edits: tuple[str, str, str]) -> Config:
    """Load the project with pieces of text replaced."""
    files = dict(FILES)
    for file, old, new in edits:
        assert files[file].count(old) == 1, old
        files[file] = files[file].replace(old, new)
    for file, text in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_config(root)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("period_ts", 0),
        ("(PERIOD_TS)", 0),
        ("period_ts - interval 2 hours", -2),
        ("period_ts - interval '2' hour", -2),
        ("period_ts + interval -90 minutes", -1.5),
        ("interval 1 week + period_ts", 168),
        ("period_ts + interval 1 day - (interval 1 hour + interval 30 minutes)", 22.5),
        ("period_ts - interval 1 day 2 hours", -26),
    ],
)
def test_an_offset_is_the_sum_of_its_intervals(text: str, hours: float) -> None:
    assert read_offset(text) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("period_ts - interval 1 month", "INTERVAL '1' MONTH is not of one length"),
        ("period_ts - interval '1 02:00' day to minute", "is not of one length"),
        ("since_ts - interval 1 hour", "since_ts is no interval"),
        ("date_trunc('day', period_ts)", "is no interval"),
        ("period_ts + period_ts", "period_ts is not in it once"),
        ("interval 1 hour - period_ts", "period_ts is not in it once"),
        ("interval 1 hour", "period_ts is not in it once"),
        ("period_ts + 1", "1 is no interval"),
        ("period_ts -", "it does not parse"),
        ("period_ts + interval 99999999999 weeks", "longer than a duration can be"),
    ],
)
def test_an_offset_of_no_one_length_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="write period_ts alone") as refused:
        read_offset(text)
    assert said in str(refused.value)


def test_a_grid_is_asked_for_at_the_start_of_its_periods(tmp_path: Path) -> None:
    predict = load(tmp_path).models["busy"].predict
    assert (predict.entity, predict.at, predict.offset) == (("shop",), "period_ts", timedelta(0))


def test_a_declaration_of_rows_keeps_its_fingerprint() -> None:
    assert [*declare_predict().model_dump(by_alias=True)] == ["from", "id", "at", "known"]
    grid = Predict.model_validate({"from": "shops", "every": "1 day", "id": ["shop", "period_ts"], "ttl": "2 days"})
    assert Predict.model_validate(grid.model_dump(by_alias=True)) == grid


WRONG = [
    # the section itself
    ((MODEL, "[shop, period_ts]\n", "[shop]\n"), "predict.id", "it lacks period_ts", "[shop, period_ts]"),
    ((MODEL, "id: [shop, period_ts]", "id: [period_ts]"), "predict.id", "it names no entity", "beside period_ts"),
    ((MODEL, "known: [region]", "known: [region]\n  ttl: 1 hour"), "predict.ttl", "shorter than every: 1d", "least 1d"),
    ((MODEL, "every: 1 day", "every: 0 days"), "predict.every", "'0 days'", "above zero"),
    (
        (MODEL, "every: 1 day", "every: 1 day\n  at: period_ts - interval 1 year"),
        "predict.at",
        "not of one length",
        "period_ts alone",
    ),
    ((MODEL, "  every: 1 day\n", ""), "predict.at", "nothing", "is required"),
    ((MODEL, "  every: 1 day\n", "  at: since_ts\n  ttl: 1 day\n"), "predict.ttl", "predicted for once", "every:"),
    # what it names
    ((MODEL, "known: [region]", "known: [region, period_ts]"), "predict.known[1]", "'period_ts'", "source shops"),
    ((MODEL, "id: [shop, period_ts]", "id: [shp, period_ts]"), "predict.id[0]", "'shp'", "source shops"),
    ((SHOPS, "key: [shop, since_ts]", "key: [since_ts]"), "predict.id[0]", "shop, which may be null", "no row"),
    ((SHOPS, "  city:", "  period_ts: {type: timestamp}\n  city:"), "predict.from", "with period_ts", "a grid makes"),
    ((SHOPS, "  city:", "  period_end_ts: {type: timestamp}\n  city:"), "predict.from", "period_end_ts", "a grid"),
    ((SALES, "period_ts: {as: day_ts, type: timestamp}", "sold_on: {as: day_ts, type: timestamp}"), "predict.id[1]",
     "'period_ts'", "source sales too"),
    ((SALES, "as: day_ts, type: timestamp", "as: date(day_ts), type: date"), "predict.id[1]", "of type", "one type"),
    ((SALES, "key: [shop, period_ts]", "key: [shop, day_ts]"), "predict.id", "shop, period_ts", "of source sales"),
    # closing
    ((MODEL, "of: period_end_ts", "of: since_ts"), "label.closes.of", "'since_ts'", "period_ts, period_end_ts"),
    ((MODEL, "of: period_end_ts", "of: period_ts"), "label.closes", "before a period of 1d", "the end of every period"),
    ((MODEL, "timezone: UTC}", "timezone: America/New_York}"), "label.closes", "before a period of 1d", "the end"),
    ((MODEL, "day_of_week:", "period_end_ts:"), "on_demand.period_end_ts", "'period_end_ts'", "period_end_ts"),
    ((MODEL, "day_of_week:", "period_ts:"), "on_demand.period_ts", "a second time", "a name that no"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "where", "got", "allowed"), WRONG, ids=[f"{each[1]}-{each[2]}" for each in WRONG])
def test_a_wrong_grid_is_told_with_its_place(
    tmp_path: Path, edit: tuple[str, str, str], where: str, got: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, edit)
    told = [each for each in refused.value.issues if each.where == where and allowed in each.allowed]
    assert told, str(refused.value)
    assert (told[0].file, bool(told[0].line), bool(told[0].remedy)) == (MODEL, True, True)
    assert got in told[0].got


def test_period_ts_without_a_grid_is_told_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, (MODEL, "  every: 1 day\n", "  at: since_ts\n"), (MODEL, "of: period_end_ts", "of: since_ts"))
    issue = next(each for each in refused.value.issues if each.where == "predict.id[1]")
    assert issue.remedy == "write every: the length of a period, for a grid; or identify rows without it"


@pytest.mark.parametrize(
    ("every", "closes"),
    [
        ("1 day", '{of: period_ts, at: "00:00 next day", timezone: UTC}'),
        ("1 hour", '{of: period_ts, at: "00:00 next day", timezone: America/New_York}'),
        ("1 day", '{of: period_end_ts, at: "20:00", timezone: America/New_York}'),
        ("4 weeks", '{of: period_end_ts, at: "00:00", timezone: UTC}'),
    ],
)
def test_labels_may_close_when_the_period_is_over(tmp_path: Path, every: str, closes: str) -> None:
    load(
        tmp_path,
        (MODEL, "every: 1 day", f"every: {every}"),
        (MODEL, '{of: period_end_ts, at: "06:00", timezone: UTC}', closes),
    )


def test_a_grid_stands_on_the_source_of_its_entities(tmp_path: Path) -> None:
    config = load(tmp_path)
    needs = dependencies(config)
    spine = Thing(Part.SPINE, "busy")
    assert [str(each) for each in needs[spine]] == [
        "source shops",
        "column shops.shop",
        "time shops.event_ts",
        "time shops.available_ts",
    ]
    assert spine in needs[Thing(Part.LABEL, "busy")]
    assert needs[Thing(Part.SLICE, "busy", "period_ts")] == (spine,)
    assert needs[Thing(Part.ON_DEMAND, "busy", "day_of_week")] == (spine,)
    assert all(each in needs for of in needs.values() for each in of)
    assert private_columns(config, config.models["busy"]) == {"shop"}
