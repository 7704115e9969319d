"""A model of several classes: what it declares, and what is said of a wrong declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.estimator_issues import estimator_issues
from lakeloop.config.loading import load_config
from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.metric import METRICS_OF, Metric, Task
from lakeloop.errors import ConfigError
from tests.config.small_project import MODEL as TEXT
from tests.config.small_project import write_project
from tests.factories import declare_label

MODEL = "conf/base/models/late_arrival.yml"
VALUE = "case when delay_minutes >= 60 then 'very_late' when delay_minutes >= 15 then 'late' else 'on_time' end"
CLASSES = "classes: [on_time, late, very_late]"
DECLARED = TEXT.replace("model: late_arrival", "model: late_arrival\ntask: multiclass").replace(
    "as: delay_minutes >= 15", f"as: {VALUE}\n  {CLASSES}"
)
ESTIMATOR = "estimator: {class:"


def load(root: Path, *edits: tuple[str, str]):
    text = DECLARED
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return load_config(write_project(root, {MODEL: text}))


def test_classes_are_read_in_their_order(tmp_path: Path) -> None:
    model = load(tmp_path, (ESTIMATOR, "estimator: {class_weight: balanced, class:")).models["late_arrival"]
    assert (model.task, model.label.classes) == (Task.MULTICLASS, ("on_time", "late", "very_late"))
    declared = model.label.model_dump(mode="json", by_alias=True)
    assert [*declared] == ["from", "as", "classes", "void", "closes"]


def test_a_declaration_without_classes_keeps_its_json() -> None:
    assert [*declare_label().model_dump(mode="json", by_alias=True)] == ["from", "as", "void", "closes"]


@pytest.mark.parametrize(
    ("old", "new", "where", "told", "remedy"),
    [
        (CLASSES, "", "label.classes", "nothing", "add `classes: ...`"),
        (CLASSES, "classes: [on_time, late]", "label.classes", "3 to 100", "in that form"),
        (CLASSES, f"classes: [{', '.join(f'c{n}' for n in range(101))}]", "label.classes", "101 of them", "form"),
        (CLASSES, "classes: [on_time, late, late]", "label.classes[2]", "'late' a second time", "remove it"),
        (CLASSES, "classes: [on_time, late, '']", "label.classes[2]", "text that is not empty", "value"),
        (CLASSES, "classes: [1, 2, 3]", "label.classes[0]", "text", "in quotes"),
        ("task: multiclass", "task: classification", "label.classes", "has none", "in that form"),
        ("task: multiclass", "task: regression", "label.classes", "has none", "in that form"),
        ("metric: log_loss", "metric: mean_absolute_error", "gate.metric", "log_loss, brier", "form"),
        (
            "metric: log_loss",
            "absolute: {average_precision: {min: 0.2}}, metric: log_loss",
            "gate.absolute.average_precision",
            "log_loss, brier, roc_auc, calibration_error, accuracy",
            "form",
        ),
        (f"as: {VALUE}", "as: departure_ts", "label.as", "a text, a whole number or a boolean", "correct the task"),
        (
            ESTIMATOR,
            "estimator: {class_weight: {true: 2}, class:",
            "estimator.class_weight",
            "balanced, for the task multiclass",
            "write balanced, or weigh rows by a column",
        ),
        (
            "when: {bias: 0.02}",
            "recalibrate: {by: intercept}",
            "decide.recalibrate",
            "estimator.calibrate",
            "in that form",
        ),
        (
            "when: {bias: 0.02}",
            "when: {bias: 0.02}, escalate: {first: recalibrate}",
            "decide.escalate.first",
            "retrain",
            "in that form",
        ),
        ("hour_of_day: hour", "predicted_class: hour", "on_demand.predicted_class", "lakeloop writes", "rename it"),
    ],
)
def test_a_wrong_declaration_is_told_with_place_and_remedy(
    tmp_path: Path, old: str, new: str, where: str, told: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, (old, new))
    found = {issue.where: issue for issue in raised.value.issues}
    assert where in found, raised.value
    issue = found[where]
    assert issue.file == MODEL
    assert issue.line or not new
    assert told in str(issue)
    assert remedy in issue.remedy


def test_an_estimator_of_several_classes_gives_probabilities(tmp_path: Path) -> None:
    model = load(tmp_path, ("LogisticRegression, search: {C: [0.1, 1]}}", "Ridge}")).models["late_arrival"]
    (issue,) = estimator_issues(parse_yaml(DECLARED, "late_arrival.yml"), model)
    assert "for multiclass: fit, predict, get_params, predict_proba" in issue.allowed


def test_metrics_of_several_classes_are_none_of_two(tmp_path: Path) -> None:
    assert not {Metric.ACCURACY, Metric.F1_MACRO} & {*METRICS_OF[Task.CLASSIFICATION], *METRICS_OF[Task.REGRESSION]}
    bounded = "absolute: {accuracy: {min: 0.5}, f1_macro: {min: 0.3}}, metric: brier"
    assert load(tmp_path, ("metric: log_loss", bounded)).models["late_arrival"].gate.metric is Metric.BRIER


def test_a_label_by_event_is_yes_or_no(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, (f"as: {VALUE}", "within: 7 days\n  on: [carrier]"))
    assert "label.classes" in [issue.where for issue in raised.value.issues]
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, (f"as: {VALUE}", "within: 7 days\n  on: [carrier]"), (f"  {CLASSES}\n", ""))
    within = next(issue for issue in raised.value.issues if issue.where == "label.within")
    assert "for the task multiclass" in within.got
    assert within.remedy == "write task: classification"
