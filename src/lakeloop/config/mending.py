"""Leaves the wrong parts of a file out, so that the rest of it can be judged in the same go."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from lakeloop.config.located_yaml import KeyPath
from lakeloop.config.mistakes import closest, keys_allowed, path_of
from lakeloop.config.section import Section

_CARRYING: Mapping[str, tuple[KeyPath, ...]] = {
    "source": (("source",), ("columns",), ("derive",), ("key",), ("event_ts",), ("available_ts",)),
    "feature_table": (
        *(("feature_table",), ("entity",), ("from",), ("aggregate",), ("attributes",)),
        *(("sql",), ("python",), ("features",)),
    ),
    "model": (
        *(("model",), ("task",), ("predict",), ("features",), ("on_demand",), ("preprocess",)),
        *(("label", "from"), ("label", "as"), ("label", "void"), ("label", "closes", "of")),
        *(("label", "after"), ("label", "within"), ("label", "event"), ("label", "on"), ("label", "tolerance")),
    ),
}
"""Parts that other parts and other files stand on: where one is wrong, nothing that stands on it is judged."""

_CLOSES: Mapping[str, Any] = {"at": "06:00 next day", "timezone": "UTC"}
_SPLIT: Mapping[str, Any] = {"validation": "365 days", "holdout": "365 days"}
_METRIC = "metric of the task"
_RULE: Mapping[str, Any] = {"rule": "expression", "name": "left_out", "that": "true"}
_STAND_IN: Mapping[KeyPath, Any] = {
    ("every",): "1 second",
    ("needs",): "36500 days",
    ("landing",): {"path": "landing"},
    ("landing", "path"): "landing",
    ("read",): {"delta": "read"},
    ("history", "trusted_until"): "2000-01-01",
    **{("label", "closes", key): value for key, value in _CLOSES.items()},
    ("split",): _SPLIT,
    **{("split", key): value for key, value in _SPLIT.items()},
    ("estimator",): {"class": "a.B"},
    ("estimator", "class"): "a.B",
    ("gate",): {"metric": _METRIC, "non_inferior_by": 1},
    ("gate", "metric"): _METRIC,
    ("gate", "non_inferior_by"): 1,
}
"""What stands for a required value that is wrong or missing; it is judged by nobody and never leaves the loader."""


def mend(kind: str, data: Any, error: ValidationError, section: type[Section]) -> tuple[Any, frozenset[str]] | None:
    """Leave out what pydantic refused.

    Args:
        kind: `source`, `feature_table` or `model`.
        data: Content of the file.
        error: What was found in it.
        section: The model it was read as.

    Returns:
        The rest, and the top-level keys that were touched; None where something is wrong that other parts stand on.

    >>> from lakeloop.config.feature_table import FeatureTable
    >>> data = {"feature_table": "delays", "entity": ["shop"], "from": "orders", "attributes": {"late": {"as": "late"}}}
    >>> try:
    ...     FeatureTable.model_validate({**data, "ttl": "2 dys"})
    ... except ValidationError as error:
    ...     rest, touched = mend("feature_table", {**data, "ttl": "2 dys"}, error, FeatureTable)
    >>> rest == data, touched
    (True, frozenset({'ttl'}))
    """
    carrying = _CARRYING.get(kind)
    if carrying is None or not isinstance(data, dict):
        return None
    places: dict[KeyPath, None] = {}
    for detail in error.errors(include_url=False):
        path, at_key = path_of(data, detail)
        meant = path
        if detail["type"] == "extra_forbidden":
            meant = (*path[:-1], closest(str(path[-1]), keys_allowed(section, data, path[:-1])) or path[-1])
        if at_key or not path or any(_touches(each, carrying) for each in (path, meant)):
            return None
        places[_whole(path)] = None
    rest = copy.deepcopy(data)
    for path in places:
        _leave_out(rest, path)
    gate = rest.get("gate")
    if isinstance(gate, dict) and gate.get("metric") == _METRIC:
        gate["metric"] = "mean_absolute_error" if data.get("task") == "regression" else "log_loss"
    return rest, frozenset(str(path[0]) for path in places)


def _whole(path: KeyPath) -> KeyPath:
    """Widen a path so that leaving it out moves no other item of a list: to the rule, or to the list."""
    if path[0] == "rules":
        return path[:2]
    first = next((index for index, part in enumerate(path) if isinstance(part, int)), len(path))
    return path[:first]


def _touches(path: KeyPath, carrying: Sequence[KeyPath]) -> bool:
    return any(path[: len(each)] == each or each[: len(path)] == path for each in carrying)


def _leave_out(data: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return  # left out with what it stands in
    if isinstance(data, list):
        data[int(path[-1])] = dict(_RULE)
    elif isinstance(data, dict) and path in _STAND_IN:
        data[path[-1]] = copy.deepcopy(_STAND_IN[path])
    elif isinstance(data, dict):
        data.pop(path[-1], None)
