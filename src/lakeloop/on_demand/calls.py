"""Calls of on-demand functions, written as text: `hour(scheduled_departure_ts)`."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from lakeloop.entry_points import PluginGroup, find_plugin, installed_words, load_plugin
from lakeloop.errors import DataContractError, Failure
from lakeloop.on_demand.functions import FUNCTIONS, FloatArray

ENTRY_POINT_GROUP = PluginGroup.ON_DEMAND.value
"""Group of the entry points by which a project brings functions of its own.

Such a function takes one positional parameter per argument (a column as an array of shape (n_rows,), a constant as
float or str) and, if it wants it, the keyword `timezone`; it returns float64 of shape (n_rows,), NaN where missing.
"""

_CALL = re.compile(r"^\s*([A-Za-z_]\w*)\s*\((.*)\)\s*$", re.DOTALL)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_ARGUMENT = re.compile(rf"\s*(?:'([^']*)'|\"([^\"]*)\"|({_NUMBER})(?![\w.])|([A-Za-z_]\w*)(?![\w.]))\s*(,|$)")


@dataclass(frozen=True)
class ColumnName:
    """An argument that names a column."""

    name: str


Argument = ColumnName | float | str


@dataclass(frozen=True)
class Call:
    """A call of a named function.

    Attributes:
        function: Name of the function.
        args: Arguments in order: columns, numbers, texts.
    """

    function: str
    args: tuple[Argument, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that are read, each once, in order of first use."""
        return tuple(dict.fromkeys(arg.name for arg in self.args if isinstance(arg, ColumnName)))


def find_function(name: str) -> Callable[..., FloatArray]:
    """Find an on-demand function by its name: one that is built in, or that a package brings.

    Args:
        name: The name.

    Returns:
        The function.

    Raises:
        ValueError: If there is none.
        PluginError: If two packages bring it, or what is brought is none.

    >>> find_function("ratio")(np.array([1.0]), np.array([4.0])).tolist()
    [0.25]
    """
    plugin = find_plugin(PluginGroup.ON_DEMAND, name, FUNCTIONS)
    if plugin is not None:
        function: Callable[..., FloatArray] = load_plugin(plugin, _problem)
        return function
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    known = sorted({*FUNCTIONS, *installed_words(PluginGroup.ON_DEMAND)})
    close = get_close_matches(name, known, n=1)
    otherwise = f"correct the name, or install the package that brings it (entry points of {PluginGroup.ON_DEMAND})"
    hint = f"; did you mean {close[0]}?" if close else f"; {otherwise}"
    raise ValueError(f"got the function {name!r}; allowed: {', '.join(known)}{hint}")


def _problem(found: Any, word: str) -> str | None:
    _ = word
    return None if callable(found) else f"it is {type(found).__name__}, not a function"


def _check_arity(name: str, function: Callable[..., FloatArray], given: int) -> None:
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    positional = [p for p in positional if p.name != "timezone"]
    least = sum(p.default is p.empty for p in positional)
    most = math.inf if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(positional)
    if not least <= given <= most:
        shown = ", ".join(
            p.name if p.kind is not p.VAR_POSITIONAL else f"*{p.name}" for p in parameters if p.name != "timezone"
        )
        raise ValueError(f"{name}: got {given} argument{'s' if given != 1 else ''}; allowed: {name}({shown})")


def _parse_arguments(text: str) -> tuple[Argument, ...]:
    if not text.strip():
        return ()
    args: list[Argument] = []
    position, ended_by = 0, ","
    while ended_by == ",":
        match = _ARGUMENT.match(text, position)
        if match is None:
            got = text[position:].strip() or "nothing after a comma"
            raise ValueError(
                f"got the argument {got!r}; allowed: a column name, a number or a quoted text (feature: table__name)"
            )
        single, double, number, column, ended_by = match.groups()
        if column is not None:
            args.append(ColumnName(column))
        elif number is not None:
            args.append(float(number))
        else:
            args.append(single if single is not None else double)
        position = match.end()
    return tuple(args)


def _evaluate(call: Call, function: Callable[..., FloatArray], columns: Mapping[str, Any], timezone: str) -> FloatArray:
    args = [columns[arg.name] if isinstance(arg, ColumnName) else arg for arg in call.args]
    if "timezone" in inspect.signature(function).parameters:
        return function(*args, timezone=timezone)
    return function(*args)


@dataclass(frozen=True)
class BoundCall:
    """A call whose function was found already, for whoever evaluates it again and again.

    Attributes:
        name: Column that it computes.
        call: The call.
        function: The function, given the time zone if it wants one.

    >>> (pace,) = bind_calls({"pace": "ratio(minutes, miles)"}, "UTC")
    >>> pace({"minutes": np.array([90.0]), "miles": np.array([30.0])}).tolist()
    [3.0]
    """

    name: str
    call: Call
    function: Callable[..., FloatArray]

    def __call__(self, columns: Mapping[str, Any]) -> FloatArray:
        """Compute the column, shape (n_rows,), from columns of that length."""
        args = [columns[arg.name] if isinstance(arg, ColumnName) else arg for arg in self.call.args]
        return np.asarray(self.function(*args), dtype=np.float64)


def bind_calls(calls: Mapping[str, str], timezone: str) -> tuple[BoundCall, ...]:
    """Find the functions of calls, once.

    Args:
        calls: New column -> call, in order.
        timezone: IANA zone of the calls' wall clock.

    Returns:
        The calls, ready to be evaluated.

    Raises:
        ValueError: If a call is wrong.

    >>> [each.call.columns for each in bind_calls({"hour_of_day": "hour(at)"}, "UTC")]
    [('at',)]
    """
    bound = []
    for name, text in calls.items():
        call = parse_call(text)
        function = find_function(call.function)
        wants_zone = "timezone" in inspect.signature(function).parameters
        bound.append(BoundCall(name, call, partial(function, timezone=timezone) if wants_zone else function))
    return tuple(bound)


def parse_call(text: str) -> Call:
    """Read a call of an on-demand function.

    Args:
        text: A function's name with its arguments in parentheses: column names, numbers, texts in quotes. Not nested.

    Returns:
        The call; the function exists, takes that many arguments and accepts the constants.

    Raises:
        ValueError: If it is no call, names an unknown function, or its arguments are not what the function takes.
        PluginError: If the function is a package's and cannot be used.

    >>> call = parse_call("cyclic(hour_of_day, 24, 'sin')")
    >>> call.columns, call.args[1:]
    (('hour_of_day',), (24.0, 'sin'))
    """
    match = _CALL.match(text)
    if match is None:
        raise ValueError(f"got {text!r}; allowed: function(argument, ...), as in hour(scheduled_departure_ts)")
    name = match.group(1)
    function = find_function(name)
    args = _parse_arguments(match.group(2))
    _check_arity(name, function, len(args))
    call = Call(name, args)
    if not call.columns:
        raise ValueError(f"{name}: got no column among the arguments; allowed: at least one column name")
    if name in FUNCTIONS:  # on no rows at all, our functions still judge their constants
        _evaluate(call, function, {column: np.empty(0) for column in call.columns}, "UTC")
    return call


def apply_calls(calls: Mapping[str, str], frame: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Compute on-demand columns.

    Args:
        calls: New column -> call, in order.
        frame: Rows with every column that the calls read; timestamps as float64 seconds since the epoch, UTC.
        timezone: IANA zone of the wall clock of `hour` and `weekday`.

    Returns:
        Only the new columns, float64, in the order of `calls`, on the index of `frame`.

    Raises:
        DataContractError: If the frame lacks a column that a call reads.
        ValueError: If a call is wrong, or its values are not what its function takes.

    >>> frame = pd.DataFrame({"minutes": [90.0, None], "miles": [30.0, 10.0]})
    >>> apply_calls({"minutes_per_mile": "ratio(minutes, miles)"}, frame, "UTC")["minutes_per_mile"].tolist()
    [3.0, nan]
    """
    parsed = {name: parse_call(text) for name, text in calls.items()}
    failures = [
        Failure(name, f"{calls[name]} reads the column {column}, which is absent")
        for name, call in parsed.items()
        for column in call.columns
        if column not in frame.columns
    ]
    if failures:
        raise DataContractError("on-demand columns", failures, "give the frame every column that the calls read")
    made: dict[str, FloatArray] = {}
    for name, call in parsed.items():
        columns = {column: frame[column].to_numpy() for column in call.columns}
        values = np.asarray(_evaluate(call, find_function(call.function), columns, timezone), dtype=np.float64)
        if values.shape != (len(frame),):
            raise ValueError(
                f"{call.function}: returned shape {values.shape}; allowed: ({len(frame)},), one value per row"
            )
        made[name] = values
    return pd.DataFrame(made, index=frame.index, columns=list(calls), dtype=np.float64)
