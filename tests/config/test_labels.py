"""Labels that look ahead: how they are declared, and what is said of wrong ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.discovery.dependencies import Part, Thing, dependencies
from lakeloop.discovery.leaks import find_label_columns
from lakeloop.errors import ConfigError
from tests.factories import declare_label

MODEL = "conf/base/models/again.yml"
FILES = {
    "conf/base/project.yml": "{project: again, timezone: UTC, retention: 400 days}",
    "conf/base/sources/customers.yml": """\
source: customers
landing: {path: landing/customers}
key: [customer, since_ts]
event_ts: since_ts
available_ts: since_ts
columns:
  customer: {type: string}
  segment: {type: string}
  since_ts: {type: timestamp}
""",
    "conf/base/sources/purchases.yml": """\
source: purchases
landing: {path: landing/purchases}
key: [purchase]
event_ts: at_ts
available_ts: at_ts
columns:
  purchase: {type: long}
  customer: {type: string}
  segment: {type: long}
  at_ts: {type: timestamp}
  amount: {type: double}
""",
    MODEL: """\
model: again
predict: {from: customers, every: 1 day, id: [customer, period_ts], known: [segment]}
label:
  from: purchases
  event: amount > 0
  within: 30 days
  on: [customer]
  closes: {of: prediction_ts, at: "06:00", after: 30 days, timezone: UTC}
split: {validation: 3 days, holdout: 5 days, gap: 30 days}
preprocess: [{columns: [segment], steps: [one_hot]}]
estimator: {class: sklearn.linear_model.LogisticRegression}
gate: {metric: log_loss, non_inferior_by: 0.05, min_blocks: 3}
""",
}
EVENT = "  event: amount > 0\n  within: 30 days\n"


def load(root: Path, *edits: tuple[str, str]):
    for name, text in FILES.items():
        for old, new in edits if name == MODEL else ():
            assert old in text
            text = text.replace(old, new)
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_config(root)


@pytest.mark.parametrize(
    ("old", "new", "where", "line", "told"),
    [
        (EVENT, EVENT + "  after: 1 day\n", "label.within", 6, "stands beside after"),
        (EVENT, EVENT + "  as: amount\n", "label.as", 7, "a label by event has none"),
        (EVENT, EVENT + "  tolerance: 1 day\n", "label.tolerance", 7, "has none"),
        (EVENT, EVENT + "  conflict: newest\n", "label.conflict", 7, "has none"),
        (EVENT, "  as: amount\n", "label.on", 6, "a label by id has none"),
        (EVENT, "  as: amount > 0\n  after: 1 day\n", "label.tolerance", None, "is required"),
        ("  on: [customer]\n", "", "label.on", None, "is required"),
        (EVENT, "  event: amount\n", "label.event", 5, "a label by id has none"),
        (EVENT, "  within: 40000 days\n", "label.within", 5, "36500 days"),
        ("after: 30 days, t", "after: 30 hours, t", "label.closes.after", 8, "whole days"),
        ("after: 30 days, t", "after: 29 days, t", "label.closes", 8, "write after: 30 days"),
        ("gap: 30 days", "gap: 29 days", "split.gap", 9, "write gap: 30 days"),
        (", gap: 30 days", "", "split.gap", 9, "write gap: 30 days"),
        ("after: 30 days, t", "after: 31 days, t", "split.gap", 9, "closes 31d later"),
        ("on: [customer]", "on: [custumer]", "label.on[0]", 7, "customer"),
        ("on: [customer]", "on: [purchase]", "label.on[0]", 7, "neither id nor known"),
        ("on: [customer]", "on: [segment]", "label.on[0]", 7, "one type in both"),
        ("amount > 0", "amont > 0", "label.event", 5, "did you mean 'amount'?"),
        ("of: prediction_ts", "of: since_ts", "label.closes.of", 8, "prediction_ts"),
        ("model: again", "model: again\ntask: regression", "label.within", 7, "write task: classification"),
    ],
)
def test_a_wrong_label_is_refused_with_the_place_and_the_remedy(
    tmp_path: Path, old: str, new: str, where: str, line: int | None, told: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, (old, new))
    found = {issue.where: issue for issue in raised.value.issues}
    assert where in found, raised.value
    assert line is None or found[where].line == line
    assert told in str(found[where])


def test_a_closing_and_a_gap_that_are_just_long_enough_are_taken(tmp_path: Path) -> None:
    model = load(tmp_path).models["again"]
    assert (model.label.reach, model.label.closes.days_later) == (timedelta(days=30), 30)
    # Of periods that begin at midnight the prediction on 1 May is over on the 31st: it closes that day, not before.
    with pytest.raises(ConfigError, match="write after: 31 days"):
        load(tmp_path / "later", ("segment]}", "segment], at: period_ts + interval 7 hours}"))


@pytest.mark.parametrize(
    ("at", "after", "least"),
    [("06:00", 0, 1), ("06:00", 3, 3), ("06:00 next day", 3, 4), ("00:00", 3, 2), ("06:00 next day", 0, 1)],
)
def test_a_label_is_known_when_the_part_behind_the_gap_begins(tmp_path: Path, at: str, after: int, least: int) -> None:
    soon = (EVENT, "  as: amount > 0\n  after: 6 hours\n  tolerance: 1 hour\n  conflict: newest\n")
    closing = ('at: "06:00", after: 30 days', f'at: "{at}", after: {after} days')
    for gap in range(1, least):
        with pytest.raises(ConfigError, match=f"write gap: {least} days"):
            load(tmp_path / str(gap), soon, closing, ("gap: 30 days", f"gap: {gap} days"))
    model = load(tmp_path / "taken", soon, closing, ("gap: 30 days", f"gap: {least} days")).models["again"]
    assert model.split.gap == timedelta(days=least)


def test_clocks_that_change_are_looked_at(tmp_path: Path) -> None:
    """Of 30 days with 24 hours each, that over the change in autumn ends an hour before the same time of the clock."""
    zoned = (('at: "06:00"', 'at: "00:00"'), ("timezone: UTC", "timezone: America/New_York"))
    with pytest.raises(ConfigError, match="close before 30d after the prediction"):
        load(tmp_path, *zoned)


def test_what_stands_on_a_label_by_event(tmp_path: Path) -> None:
    config = load(tmp_path)
    needs = {str(each) for each in dependencies(config)[Thing(Part.LABEL, "again")]}
    assert {"column purchases.amount", "column purchases.customer", "time purchases.event_ts"} <= needs
    assert {"spine again", "column customers.customer"} <= needs
    assert find_label_columns(config, config.models["again"]) == ()


def test_a_label_by_id_keeps_its_declaration() -> None:
    """Its JSON, of which fingerprints are made, has no key that it did not have."""
    declared = declare_label().model_dump(mode="json", by_alias=True)
    assert [*declared] == ["from", "as", "void", "closes"]
    assert [*declared["closes"]] == ["each", "of", "at", "timezone"]


def test_a_policy_lets_several_rows_speak_of_one_id(tmp_path: Path) -> None:
    by_id = (EVENT + "  on: [customer]\n", "  as: amount > 0\n")
    known = ("every: 1 day, id: [customer, period_ts]", "at: since_ts, id: [customer, since_ts]")
    with pytest.raises(ConfigError, match="all of the key of source purchases"):
        load(tmp_path, by_id, known)
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, (by_id[0], by_id[1] + "  conflict: newest\n"), known)
    assert [issue.where for issue in raised.value.issues] == ["predict.id[1]"]  # purchases have no since_ts
