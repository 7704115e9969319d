"""`decide:` of a model: what it may say, what it may not, and that what is not said changes no hash."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from lakeloop.config.answers import Blackout, Condition, Group, Windows
from lakeloop.config.decide import Decide
from lakeloop.config.loading import load_config
from lakeloop.errors import ConfigError
from tests.config.small_project import edited, write_project

FILE = "conf/base/models/late_arrival.yml"
DECLARED = "decide: {schedule: 28 days, when: {bias: 0.02}}"


def load(root: Path, more: str = "", when: str = "") -> Decide:
    """Load the small project with more keys of `decide`, and of `when`."""
    added = f"decide: {{schedule: 28 days, when: {{bias: 0.02{when and ', '}{when}}}{more and ', '}{more}}}"
    return load_config(write_project(root, edited(FILE, DECLARED, added))).models["late_arrival"].decide


def test_what_is_not_declared_changes_no_hash() -> None:
    written = Decide(schedule=timedelta(days=28)).model_dump(mode="json", by_alias=True)
    when = {"bias": None, "skill": None, "contract_drift": "any"}
    assert written == {"schedule": "P28D", "when": when, "cooldown": "P7D", "min_closed_days": 7}


def test_hashes_of_the_reference_project_are_those_of_before() -> None:
    config = load_config(Path(__file__).parents[2])
    assert [config.spec_hash("model", name) for name in ("late_arrival", "arrival_delay")] == [
        "0f59b51d2bc71e47",
        "dba313c81fb245e5",
    ]


@pytest.mark.parametrize(
    "declared",
    [
        {"more": "escalate: {again_within: 3 windows}"},
        {"more": "budget: {retrain: 3 per 28 days}"},
        {"more": "blackout: [{weekdays: [sun]}]"},
        {"more": "back_off: {at_most: 4}"},
        {"more": "flag_life: 6 windows"},
        {"more": "rules: [{do: retrain, any: [schedule, bias]}]"},
        {"when": "metric_drop: {roc_auc: 0.02}"},
        {"when": "regime_drift: retrain"},
        {"when": "new_rows: 1000"},
    ],
    ids=lambda declared: next(iter(declared.values())).partition(":")[0],
)
def test_what_is_declared_is_part_of_the_declaration(tmp_path: Path, declared: dict[str, str]) -> None:
    before = load(tmp_path / "before").model_dump(mode="json", by_alias=True)
    after = load(tmp_path / "after", **declared).model_dump(mode="json", by_alias=True)
    key = next(iter(declared.values())).partition(":")[0]
    changed = after["when"] if "when" in declared else after
    unchanged = before["when"] if "when" in declared else before
    assert {*changed} - {*unchanged} == {key}


def test_a_policy_is_read(tmp_path: Path) -> None:
    decide = load(
        tmp_path,
        "budget: {retrain: 3 per 4 weeks}, blackout: [{from: 2013-12-20, to: 2014-01-02}, {weekdays: [sat, sun]}],"
        " flag_life: 1 window, rules: [{do: retrain, all: [schedule, {any: [bias, new_rows]}]}]",
        "new_rows: 1000, metric_drop: {roc_auc: 0.02, log_loss: 0.1}",
    )
    assert decide.budget is not None
    assert decide.budget.retrain is not None
    assert (decide.budget.retrain.count, decide.budget.retrain.per) == (3, timedelta(days=28))
    assert decide.blackout[0] == Blackout.model_validate({"from": date(2013, 12, 20), "to": date(2014, 1, 2)})
    assert decide.flag_life == Windows(count=1)
    (rule,) = decide.rules
    assert rule.all == (Condition.SCHEDULE, Group(any=(Condition.BIAS, Condition.NEW_ROWS)))
    assert {metric.value: limit for metric, limit in decide.when.metric_drop.items()} == {
        "roc_auc": 0.02,
        "log_loss": 0.1,
    }


WRONG = [
    ("escalate: {again_within: 2 weeks}", "escalate.again_within", "'2 windows'"),
    ("escalate: {again_within: 0 windows}", "escalate.again_within", "'2 windows'"),
    ("flag_life: 3", "flag_life", "'2 windows'"),
    ("budget: {retrain: 3 per month}", "budget.retrain", "'3 per 28 days'"),
    ("budget: {retrain: 0 per 3 days}", "budget.retrain", "'3 per 28 days'"),
    ("budget: {retrain: 3}", "budget.retrain", "'3 per 28 days'"),
    ("budget: {}", "budget", "retrain, recalibrate or both"),
    ("back_off: {at_most: 0}", "back_off.at_most", "greater than or equal to 1"),
    ("blackout: [{from: 2013-12-20}]", "blackout[0]", "from and to"),
    ("blackout: [{from: 2013-12-20, to: 2013-12-01}]", "blackout[0].from", "the earlier day first"),
    ("blackout: [{weekdays: [sat], from: 2013-12-20}]", "blackout[0].weekdays", "two entries"),
    ("blackout: [{weekdays: [saturday]}]", "blackout[0].weekdays[0]", "'sat'"),
    ("blackout: [{weekdays: [mon, tue, wed, thu, fri, sat, sun]}]", "blackout[0].weekdays", "leave a day out"),
    ("rules: [{do: retrain, all: [bias], any: [schedule]}]", "rules[0]", "either all or any"),
    ("rules: [{do: retrain, all: [bias]}]", "schedule", "no rule names schedule"),
    ("rules: [{do: retrain, any: [schedule, skill]}]", "rules", "when.skill is not declared"),
    ("rules: [{do: retrain, any: [schedule, biass]}]", "rules[0].any[1]", "'bias'"),
    ("rules: [{do: none, any: [schedule]}]", "rules[0].do", "'recalibrate'"),
    ("escalate: {first: retrain}, rules: [{do: retrain, any: [schedule]}]", "escalate.first", "bias_again"),
]
WRONG_EVIDENCE = [
    ("metric_drop: {accuracy: 0.1}", "when.metric_drop.accuracy", "roc_auc, log_loss, brier"),
    ("metric_drop: {roc_auc: 0}", "when.metric_drop.roc_auc", "greater than 0"),
    ("regime_drift: ignore", "when.regime_drift", "'notify' or 'retrain'"),
    ("new_rows: 0", "when.new_rows", "greater than or equal to 1"),
]


@pytest.mark.parametrize(("more", "where", "told"), WRONG, ids=[more for more, *_ in WRONG])
def test_a_wrong_policy_is_told_with_its_place(tmp_path: Path, more: str, where: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, more)
    (issue,) = raised.value.issues
    assert (issue.file, issue.line is not None, issue.where) == (FILE, True, f"decide.{where}")
    assert told in str(issue)


@pytest.mark.parametrize(("when", "where", "told"), WRONG_EVIDENCE, ids=[when for when, *_ in WRONG_EVIDENCE])
def test_wrong_evidence_is_told_with_its_place(tmp_path: Path, when: str, where: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, when=when)
    (issue,) = raised.value.issues
    assert (issue.file, issue.where) == (FILE, f"decide.{where}")
    assert told in str(issue)


@pytest.mark.parametrize("more", ["rules: [{do: retrain, any: [schedule]}]"])
def test_rules_say_what_drift_asks_for(tmp_path: Path, more: str) -> None:
    with pytest.raises(ConfigError, match="name regime_drift in a rule instead"):
        load(tmp_path, more, "regime_drift: retrain")
