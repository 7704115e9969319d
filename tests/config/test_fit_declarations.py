"""What a model says of its preprocessing and its fit: mistakes are told with their line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakeloop.config.estimator import Estimator
from lakeloop.config.estimator_issues import estimator_issues
from lakeloop.config.loading import load_config
from lakeloop.config.located_yaml import parse_yaml
from lakeloop.config.mistakes import section_issues
from lakeloop.config.model import Model
from lakeloop.config.preprocess import Preprocess, Step, options_of
from lakeloop.config.preprocess_issues import kinds_of, preprocess_issues, take_columns
from lakeloop.config.source import ColumnType
from tests.config.small_project import MODEL as TEXT
from tests.config.small_project import edited, write_project
from tests.config.wrong_project import MODEL, Wrong, assert_refused

STEPS = "steps: [one_hot]"
TYPES = {
    "carrier": ColumnType.STRING,
    "origin": ColumnType.STRING,
    "distance": ColumnType.DOUBLE,
    "departure_ts": ColumnType.TIMESTAMP,
}
ALL = [*TYPES, "unknown"]


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(
            MODEL, STEPS, "steps: [one_hott]", "preprocess[0].steps[0]", "'one_hott'", "'one_hot'", "mean 'one_hot'?"
        ),
        Wrong(
            MODEL,
            STEPS,
            "steps: [{one_hot: {min_fractoin: 0.1}}]",
            "preprocess[0].steps[0].one_hot.min_fractoin",
            "the key 'min_fractoin'",
            "min_fraction",
            "mean 'min_fraction'?",
        ),
        Wrong(
            MODEL,
            "[impute_median]",
            "[{clip_outliers: {factor: 2}}]",
            "preprocess[1].steps[0].clip_outliers.factor",
            "is of by: iqr",
            "by: iqr",
            "in that form",
        ),
        Wrong(
            MODEL,
            "[impute_median]",
            "[impute_constant]",
            "preprocess[1].steps[0]",
            "without a value",
            "value: 0",
            "form",
        ),
        Wrong(
            MODEL,
            "  - {columns: [carrier, origin], steps: [one_hot]}",
            "  - {steps: [one_hot]}",
            "preprocess[0]",
            "a section",
            "columns or type",
            "that form",
        ),
        Wrong(
            MODEL,
            "estimator: {class:",
            "estimator: {calibrate: sigmoid, class:",
            "estimator.calibrate",
            "without days of its own",
            "calibration part",
            "split.calibration",
        ),
        Wrong(
            MODEL,
            "holdout: 28 days}",
            "holdout: 28 days, calibration: 7 days}",
            "split.calibration",
            "nothing uses",
            "estimator.calibrate",
            "remove the part",
        ),
        Wrong(
            MODEL,
            "estimator: {class:",
            "estimator: {weight: distence, class:",
            "estimator.weight",
            "'distence'",
            "distance",
            "mean 'distance'?",
        ),
        Wrong(
            MODEL,
            "estimator: {class:",
            "estimator: {weight: {column: origin}, class:",
            "estimator.weight.column",
            "type string",
            "a number",
            "another column",
        ),
    ],
    ids=str,
)
def test_a_wrong_fit_is_told_with_its_line(tmp_path: Path, wrong: Wrong) -> None:
    assert_refused(tmp_path, wrong)


def test_everything_declared_is_read(tmp_path: Path) -> None:
    changes = edited(
        MODEL,
        TEXT[TEXT.index("split:") : TEXT.index("gate:")],
        """\
split: {validation: 14 days, calibration: 7 days, holdout: 28 days}
preprocess:
  - {columns: [carrier], steps: [{one_hot: {min_fraction: 0.02, max_categories: 50, unseen: ignore}}]}
  - {type: number, steps: [{impute_median: {indicator: true}}, {clip_outliers: {by: iqr}}, {bin: {by: uniform}}, scale]}
  - {type: category, steps: [{ordinal: {order: [JFK, LGA], missing: -2}}]}
estimator:
  class: sklearn.ensemble.HistGradientBoostingClassifier
  class_weight: {true: 3, false: 1}
  weight: {column: distance, half_life: 90 days}
  early_stopping: {rounds: 20}
  calibrate: isotonic
""",
    )
    model = load_config(write_project(tmp_path, changes), import_estimators=True).models["late_arrival"]
    assert model.split.held_out.days == 14 + 7 + 28 + 3
    assert [step.value for step in model.preprocess[1].names] == ["impute_median", "clip_outliers", "bin", "scale"]
    weight = model.estimator.row_weight
    assert weight is not None
    assert (weight.model_column, weight.half_life) == ("distance", model.estimator.weight.half_life)  # type: ignore[union-attr]


def model_with(groups: list[dict[str, Any]], **estimator: Any) -> tuple[Any, Model]:
    document = parse_yaml(TEXT, MODEL)
    data = {**document.data, "preprocess": groups, "estimator": {"class": "sklearn.linear_model.Ridge", **estimator}}
    return document, Model.model_validate(data)


def test_groups_by_type_take_what_is_known_and_leave_the_rest_to_the_fit() -> None:
    _, model = model_with([{"type": "number", "steps": ["scale"]}, {"columns": ["origin"], "steps": ["one_hot"]}])
    assert take_columns(model, ALL, kinds_of(TYPES)) == (("distance", "departure_ts"), ("origin",), ("carrier",))
    _, model = model_with([{"columns": ["origin"], "steps": ["one_hot"]}])
    assert take_columns(model, ALL, kinds_of(TYPES))[-1] == ("carrier", "distance", "departure_ts", "unknown")


def test_the_weight_needs_no_group() -> None:
    _, model = model_with([{"type": "category", "steps": ["one_hot"]}], weight="distance")
    assert take_columns(model, ["carrier", "distance"], kinds_of(TYPES)) == (("carrier",), ())


@pytest.mark.parametrize(
    ("group", "where", "got"),
    [
        ({"type": "category", "steps": ["log"]}, "steps[0]", "log for carrier, origin, which are text"),
        ({"type": "category", "steps": ["impute_mode"]}, "steps", "carrier, origin, which are text, without one_hot"),
        ({"type": "category", "steps": ["one_hot", "ordinal"]}, "steps[1]", "ordinal after one_hot"),
        (
            {"type": "category", "steps": [{"impute_constant": {"value": 0}}, "one_hot"]},
            "steps[0].impute_constant.value",
            "a number for carrier, origin",
        ),
        (
            {"type": "number", "steps": [{"impute_constant": {"value": "x"}}]},
            "steps[0].impute_constant.value",
            "a text for distance, departure_ts",
        ),
    ],
)
def test_steps_that_do_not_go_with_a_type_are_told(group: dict[str, Any], where: str, got: str) -> None:
    document, model = model_with([group])
    found = list(preprocess_issues(document, model, ALL, TYPES))
    assert [issue.where for issue in found] == [f"preprocess[0].{where}"]
    assert got in found[0].got


@pytest.mark.parametrize(
    ("steps", "at"),
    [
        ("{bin: {bins: 1}}", "bin.bins"),
        ("{bin: {bins: true}}", "bin.bins"),
        ("{clip_outliers: {lower: 0.9, upper: 0.1}}", "clip_outliers.lower"),
        ("{clip_outliers: {by: iqr, upper: 0.9}}", "clip_outliers.upper"),
        ("{ordinal: {rare: 1}}", "ordinal.rare"),
        ("{ordinal: {order: [a], rare: -2}}", "ordinal.rare"),
        ("{one_hot: {min_fraction: 1}}", "one_hot.min_fraction"),
        ("{impute_constant: {value: true}}", "impute_constant.value"),
        ("{impute_mean: {}, log: {}}", "log"),
        ("{impute_mean: {}, bin: {}}", ""),
    ],
)
def test_options_that_mean_nothing_are_mistakes(steps: str, at: str) -> None:
    document = parse_yaml(f"columns: [a]\nsteps: [{steps}]", "models/late.yml")
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - pydantic's, translated below
        Preprocess.model_validate(document.data)
    (issue,) = section_issues(document, raised.value, Preprocess)  # type: ignore[arg-type]
    assert issue.where == f"steps[0].{at}".rstrip(".")
    assert issue.line == 2


def test_a_name_alone_has_every_default() -> None:
    group = Preprocess.model_validate({"columns": ["a"], "steps": ["bin", {"bin": {}}, "log"]})
    plain, empty, log = map(options_of, group.steps)
    assert plain == empty
    assert log == (Step.LOG, None)


@pytest.mark.parametrize(
    ("keys", "where", "got"),
    [
        (
            {"class": "sklearn.neighbors.KNeighborsClassifier", "class_weight": "balanced"},
            "class_weight",
            "class_weight",
        ),
        ({"class": "sklearn.neighbors.KNeighborsClassifier", "weight": "distance"}, "weight", "weight for"),
        (
            {"class": "sklearn.ensemble.GradientBoostingClassifier", "early_stopping": {"rounds": 5}},
            "early_stopping",
            "early stopping of sklearn.ensemble.GradientBoostingClassifier",
        ),
        ({"class": "lightgbm.LGBMClassifier", "early_stopping": {"rounds": 5}, "class_weight": "balanced"}, None, ""),
        ({"class": "xgboost.XGBClassifier", "early_stopping": {"rounds": 5}, "weight": "distance"}, None, ""),
    ],
)
def test_what_a_class_has_no_way_for_is_told(keys: dict[str, Any], where: str | None, got: str) -> None:
    document, model = model_with([{"columns": ["*"], "steps": ["pass"]}])
    model = model.model_copy(update={"estimator": Estimator.model_validate(keys)})
    found = list(estimator_issues(document, model))
    assert [issue.where for issue in found] == ([] if where is None else [f"estimator.{where}"])
    assert all(got in issue.got for issue in found)


def test_a_regression_has_no_classes(tmp_path: Path) -> None:
    text = edited(
        MODEL,
        "estimator: {class: sklearn.linear_model.LogisticRegression, search: {C: [0.1, 1]}}",
        "estimator: {class: sklearn.linear_model.Ridge, class_weight: balanced, calibrate: sigmoid}",
    )[MODEL]
    text = text.replace("model: late_arrival", "model: late_arrival\ntask: regression", 1)
    text = text.replace("delay_minutes >= 15", "delay_minutes").replace(
        "metric: log_loss", "metric: mean_absolute_error"
    )
    with pytest.raises(Exception, match="2 mistakes") as raised:
        load_config(write_project(tmp_path, {MODEL: text}))
    assert [issue.where for issue in raised.value.issues] == ["estimator.calibrate", "estimator.class_weight"]  # type: ignore[attr-defined]
