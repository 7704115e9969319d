"""Checks an estimator's class and parameters by importing it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from lakeloop.config.estimator import Estimator
from lakeloop.config.estimator_class import STOPPABLE, stopping_way, takes_weights
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.metric import Task
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.config.model import Model
from lakeloop.errors import ConfigIssue

_CLASS: KeyPath = ("estimator", "class")
_INTERFACE = "a class with scikit-learn's interface"


def estimator_issues(document: LocatedYaml, model: Model) -> Iterator[ConfigIssue]:
    """Check one model's estimator.

    Args:
        document: The model's file.
        model: The model.

    Yields:
        What keeps the class from being made: its import path, its interface, its parameters; weights or early stopping
        that it has no way for.

    >>> from pathlib import Path
    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = Path("conf/base/models/late_arrival.yml").read_text()
    >>> document = parse_yaml(text.replace("max_iter", "max_iters"), "late_arrival.yml")
    >>> [issue.remedy for issue in estimator_issues(document, Model.model_validate(document.data))]
    ["did you mean 'max_iter'?"]
    """
    module_name, _, class_name = model.estimator.class_.rpartition(".")
    got = document.shown_at(_CLASS)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # noqa: BLE001 - a library may raise anything while it is imported
        remedy = "correct the path, or install the package that has it"
        problem = f"{got}: {str(error).splitlines()[0][:80] if str(error) else type(error).__name__}"
        yield document.issue(_CLASS, problem, "the import path of a class", remedy)
        return
    made = getattr(module, class_name, None)
    if not inspect.isclass(made):
        names = [name for name, each in vars(module).items() if inspect.isclass(each) and hasattr(each, "fit")]
        remedy = rename_remedy(class_name, names, "correct the name of the class")
        yield document.issue(_CLASS, f"{got}, which is no class of {module_name}", f"{_INTERFACE}", remedy)
        return
    needed = ("fit", "predict", "get_params") + (() if model.task is Task.REGRESSION else ("predict_proba",))
    absent = [name for name in needed if not hasattr(made, name)]
    if absent:
        allowed = f"{_INTERFACE}, for {model.task}: {', '.join(needed)}"
        remedy = "choose such a class, or correct the task"
        yield document.issue(_CLASS, f"{got}, without {', '.join(absent)}", allowed, remedy)
        return
    if model.task is Task.REGRESSION and getattr(made, "predict_proba", None) is not None:
        got = f"{got}, which is a classifier"
        yield document.issue(_CLASS, got, f"a regressor, for the task {model.task}", "choose one, or correct the task")
    yield from _ability_issues(document, model.estimator, made)
    yield from _parameter_issues(document, model.estimator, made)


def _ability_issues(document: LocatedYaml, estimator: Estimator, made: Any) -> Iterator[ConfigIssue]:
    for key, value in (("class_weight", estimator.class_weight), ("weight", estimator.weight)):
        if value is not None and not takes_weights(made):
            allowed = "a class whose fit takes sample_weight"
            remedy = f"choose such a class, or remove {key}"
            yield document.issue(("estimator", key), f"{key} for {estimator.class_}", allowed, remedy, at_key=True)
    if estimator.early_stopping is not None and stopping_way(made) is None:
        remedy = "choose one of these, or remove it and search over the number of iterations"
        got = f"early stopping of {estimator.class_}"
        yield document.issue(("estimator", "early_stopping"), got, STOPPABLE, remedy, at_key=True)


def _parameter_issues(document: LocatedYaml, estimator: Estimator, made: Any) -> Iterator[ConfigIssue]:
    try:
        known = sorted(made().get_params())
    except Exception as error:  # noqa: BLE001 - what a constructor raises is its own
        problem = (
            f"{document.shown_at(_CLASS)}: {str(error).splitlines()[0][:80] if str(error) else type(error).__name__}"
        )
        yield document.issue(_CLASS, problem, f"{_INTERFACE} that can be made without arguments", "choose such a class")
        return
    for part, names in (("params", estimator.params), ("search", estimator.search)):
        for name in names:
            path: KeyPath = ("estimator", part, name)
            if name not in known:
                remedy = rename_remedy(name, known, "remove it")
                allowed = f"parameters of {estimator.class_}: {listed(known)}"
                yield document.issue(path, f"the parameter {name!r}", allowed, remedy, at_key=True)
