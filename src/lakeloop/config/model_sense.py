"""Checks what a model says for sense: values that exist and are well formed, but do nothing or can never work."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from lakeloop.config.columns import matching_columns
from lakeloop.config.durations import short_name
from lakeloop.config.estimator import Estimator
from lakeloop.config.gate import Bounds
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.metric import Metric, Task
from lakeloop.config.mistakes import listed
from lakeloop.config.model import Model
from lakeloop.config.source import ColumnType, Source
from lakeloop.config.tuning import Distribution, Tuner
from lakeloop.errors import ConfigIssue
from lakeloop.on_demand.calls import Call

NUMBERS = frozenset({ColumnType.INTEGER, ColumnType.LONG, ColumnType.DOUBLE})

_INSTANTS = frozenset({ColumnType.TIMESTAMP})
_TAKES: Mapping[str, frozenset[ColumnType]] = {
    "hour": _INSTANTS,
    "weekday": _INSTANTS,
    "minutes_between": _INSTANTS,
    "ratio": NUMBERS | {ColumnType.BOOLEAN},
    "difference": NUMBERS | {ColumnType.BOOLEAN} | _INSTANTS,
    "cyclic": NUMBERS,
}
_LABELS: Mapping[Task, tuple[frozenset[ColumnType], str]] = {
    Task.CLASSIFICATION: (NUMBERS | {ColumnType.BOOLEAN}, "a boolean, or a number that is 0 or 1"),
    Task.MULTICLASS: (
        frozenset({ColumnType.STRING, ColumnType.INTEGER, ColumnType.LONG, ColumnType.BOOLEAN}),
        "a text, a whole number or a boolean",
    ),
    Task.REGRESSION: (NUMBERS, "a number"),
}
_RANGE: Mapping[Metric, tuple[float, float]] = {
    Metric.LOG_LOSS: (0, math.inf),
    Metric.MEAN_ABSOLUTE_ERROR: (0, math.inf),
    Metric.ROOT_MEAN_SQUARED_ERROR: (0, math.inf),
    Metric.R2: (-math.inf, 1),
}  # the others lie between 0 and 1


def search_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    """Check the search: each parameter has values, none is fixed too, and there are few combinations.

    Args:
        document: The model's file.
        model: The model.

    Yields:
        Parameters without values, ranges in a grid, parameters that are fixed as well, too many combinations, a search
        over nothing.

    >>> from pathlib import Path
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace("learning_rate: [0.1, 0.15]", "max_iter: []"), "late_arrival.yml")
    >>> [issue.got for issue in search_issues(document, Model.model_validate(document.data))]
    ['no values', "the parameter 'max_iter' in params and in search"]
    """
    estimator, tuning = model.estimator, model.estimator.tuning
    for name, values in estimator.search.items():
        path: KeyPath = ("estimator", "search", name)
        if isinstance(values, Distribution):
            if tuning.by is Tuner.GRID:
                remedy = "write a list of values, or declare tuning: {by: optuna}"
                yield document.issue(path, "a range, which a grid cannot try", "a list of values", remedy)
        elif not values:
            yield document.issue(path, "no values", "at least one value", "add values, or remove the parameter")
        if name in estimator.params:
            got = f"the parameter {name!r} in params and in search"
            yield document.issue(path, got, "each parameter once", "remove one of them", at_key=True)
    count = count_combinations(estimator)
    if tuning.by is Tuner.GRID and count > tuning.most_trials:
        got, remedy = f"{count} combinations", "try fewer, or declare tuning: {trials: N}; each is a whole fit"
        allowed = f"at most {tuning.most_trials}{'' if tuning.trials else ' without estimator.tuning.trials'}"
        where: KeyPath = ("estimator", "search") if estimator.search else ("estimator", "feature_sets")
        yield document.issue(where, got, allowed, remedy)
    if tuning.by is Tuner.OPTUNA and not estimator.search and not estimator.feature_sets:
        remedy = "declare search or feature_sets, or remove tuning"
        yield document.issue(("estimator", "tuning", "by"), "optuna, with nothing to draw", "a search", remedy)


def count_combinations(estimator: Estimator) -> int:
    """Count the combinations of a search's lists of values and feature sets; ranges are not counted.

    >>> search = {"class": "sklearn.linear_model.Ridge", "search": {"alpha": [1, 2]}, "feature_sets": {"all": ["*"]}}
    >>> count_combinations(Estimator.model_validate(search))
    2
    """
    lists = [len(values) for values in estimator.search.values() if not isinstance(values, Distribution)]
    return math.prod(lists) * max(len(estimator.feature_sets), 1)


def bound_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    """Check that absolute bounds lie where the metric can be.

    Args:
        document: The model's file.
        model: The model.

    Yields:
        Metrics whose bounds no model can meet.

    >>> from pathlib import Path
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace("roc_auc: {min: 0.6}", "roc_auc: {min: 60}", 1), "late_arrival.yml")
    >>> [(each.got, each.allowed) for each in bound_issues(document, Model.model_validate(document.data))]
    [('bounds of roc_auc that no model can meet', 'bounds between 0 and 1')]
    """
    declared: list[tuple[KeyPath, Mapping[Metric, Bounds]]] = [(("gate", "absolute"), model.gate.absolute)]
    declared += [(("gate", "slices", name, "absolute"), rule.absolute) for name, rule in model.gate.slices.items()]
    for above, of_metrics in declared:
        for metric, bounds in of_metrics.items():
            lowest, highest = _RANGE.get(metric, (0, 1))
            if (bounds.min is not None and bounds.min > highest) or (bounds.max is not None and bounds.max < lowest):
                path: KeyPath = (*above, str(metric))
                got = f"bounds of {metric} that no model can meet"
                yield document.issue(path, got, f"bounds between {lowest:g} and {highest:g}", "correct the bound")


def schedule_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    """Check that the schedule is not held up by the cooldown each time.

    Args:
        document: The model's file.
        model: The model.

    Yields:
        A schedule that is shorter than the cooldown.

    >>> from pathlib import Path
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace("schedule: 28 days", "schedule: 3 days"), "late_arrival.yml")
    >>> [(each.got, each.allowed) for each in schedule_issues(document, Model.model_validate(document.data))]
    [('3d, shorter than the cooldown of 7d', 'at least 7d')]
    """
    schedule, cooldown = model.decide.schedule, model.decide.cooldown
    if schedule is not None and schedule < cooldown:
        got = f"{short_name(schedule)}, shorter than the cooldown of {short_name(cooldown)}"
        remedy = "lengthen the schedule, or declare a shorter cooldown"
        yield document.issue(("decide", "schedule"), got, f"at least {short_name(cooldown)}", remedy)


def label_type_issues(document: LocatedYaml, model: Model, truth: Source) -> Iterator[ConfigIssue]:
    """Check the type of a label that is a column; that of an expression is Spark's to know.

    Args:
        document: The model's file.
        model: The model.
        truth: Source of its label.

    Yields:
        A label of a type that the task cannot learn.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace("as: arrival_delay_minutes >= 15", "as: carrier"), "late_arrival.yml")
    >>> truth = load_config(Path()).sources["outcomes"]
    >>> [issue.allowed for issue in label_type_issues(document, Model.model_validate(document.data), truth)]
    ['a boolean, or a number that is 0 or 1, for the task classification']
    """
    kind = truth.all_columns.get(model.label.as_ or "")
    allowed, said = _LABELS[model.task]
    if kind is not None and kind not in allowed:
        got = f"{model.label.as_}, a column of type {kind}"
        remedy = "write an expression of that kind, or correct the task"
        yield document.issue(("label", "as"), got, f"{said}, for the task {model.task}", remedy)


def date_issues(document: LocatedYaml, model: Model, types: Mapping[str, ColumnType]) -> Iterator[ConfigIssue]:
    """Check that no input of the model is a date: a day alone is no number, and no text to be told apart by.

    Args:
        document: The model's file.
        model: The model.
        types: Types of those columns whose type is known.

    Yields:
        A mistake per known column, and per pattern of features, that is a date.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("predict: {known: [shop, due_date]}", "models/late.yml")
    >>> known = shops.models["late"].predict.model_copy(update={"known": ("shop", "due_date")})
    >>> model = shops.models["late"].model_copy(update={"predict": known})
    >>> for issue in date_issues(document, model, {"due_date": ColumnType.DATE}):
    ...     print(issue)
    models/late.yml:1: predict.known[1]
        got:     due_date, a column of type date
        allowed: columns of numbers, text, true or false, or instants
        remedy:  derive a number or an instant from it in the source of the spine,
                 as in day(due_date), and name that
    """
    dates = [name for name, kind in types.items() if kind is ColumnType.DATE]
    allowed = "columns of numbers, text, true or false, or instants"
    for index, name in enumerate(model.predict.known):
        if name in dates:
            remedy = (
                f"derive a number or an instant from it in the source of the spine, as in day({name}), and name that"
            )
            yield document.issue(("predict", "known", index), f"{name}, a column of type date", allowed, remedy)
    features = [name for name in dates if name not in model.predict.known and "__" in name]
    for index, pattern in enumerate(model.features):
        found = matching_columns([pattern], features)
        if found:
            got = f"{listed(found)}, of type date"
            remedy = "make the feature of a number or an instant, as in an attribute with as: day(...), or leave it out"
            yield document.issue(("features", index), got, allowed, remedy)


def role_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    """Check that no column has two roles.

    Args:
        document: The model's file.
        model: The model.

    Yields:
        Columns and patterns that two roles name.

    >>> from pathlib import Path
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace('seasonal: ["weather.*"]', "seasonal: [weekday]"), "late_arrival.yml")
    >>> [issue.got for issue in role_issues(document, Model.model_validate(document.data))]
    ["'weekday', which is contract already"]
    """
    first: dict[str, str] = {}
    for role, patterns in model.monitor.roles.items():
        for index, pattern in enumerate(patterns):
            if first.setdefault(pattern, str(role)) != str(role):
                path: KeyPath = ("monitor", "roles", str(role), index)
                got = f"{pattern!r}, which is {first[pattern]} already"
                yield document.issue(path, got, "one role for a column", "remove it from one of the two")


def argument_issues(
    document: LocatedYaml, path: KeyPath, call: Call, types: Mapping[str, ColumnType], skip: Collection[str]
) -> Iterator[ConfigIssue]:
    """Check that an on-demand function can read its columns, where their types are known.

    Args:
        document: The model's file.
        path: Where the call stands.
        call: The call.
        types: Types of the columns whose type is known.
        skip: Columns that are told already.

    Yields:
        A mistake per column that the function cannot read.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> from lakeloop.on_demand.calls import parse_call
    >>> document = parse_yaml("on_demand: {hour_of_day: hour(carrier)}", "models/late.yml")
    >>> call, types = parse_call("hour(carrier)"), {"carrier": ColumnType.STRING}
    >>> for issue in argument_issues(document, ("on_demand", "hour_of_day"), call, types, ()):
    ...     print(issue)
    models/late.yml:1: on_demand.hour_of_day
        got:     hour of carrier, a column of type string
        allowed: columns of type timestamp
        remedy:  name another column, or derive one in the source
    """
    takes = _TAKES.get(call.function)
    for column in call.columns:
        kind = types.get(column)
        if takes is not None and kind is not None and kind not in takes and column not in skip:
            got = f"{call.function} of {column}, a column of type {kind}"
            allowed = f"columns of type {', '.join(sorted(takes))}"
            yield document.issue(path, got, allowed, "name another column, or derive one in the source")
