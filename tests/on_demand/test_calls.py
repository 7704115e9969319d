from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.errors import DataContractError
from lakeloop.on_demand import calls
from lakeloop.on_demand.calls import Call, ColumnName, apply_calls, parse_call
from tests.plugin_packages import install

FUNCTIONS = """
import numpy as np


def above_local_noon(timestamp, share, *, timezone):
    return np.where(timestamp > 43_200, share, 0.0) + len(timezone)


def too_short(value):
    return value[:-1]
"""


@pytest.fixture
def own_functions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project's own functions, found by their entry points."""
    words = {name: f"own_functions:{name}" for name in ("above_local_noon", "too_short")}
    install(monkeypatch, tmp_path, {"own_functions.py": FUNCTIONS}, {calls.ENTRY_POINT_GROUP: words})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hour(departure_ts)", Call("hour", (ColumnName("departure_ts"),))),
        ("  ratio ( a ,b ) ", Call("ratio", (ColumnName("a"), ColumnName("b")))),
        ("difference(a, -1.5e3)", Call("difference", (ColumnName("a"), -1500.0))),
        ("is_in(origin, 'JFK', \"it's, (so)\")", Call("is_in", (ColumnName("origin"), "JFK", "it's, (so)"))),
        ("ratio(weather__wind, 2)", Call("ratio", (ColumnName("weather__wind"), 2.0))),
    ],
)
def test_parse_call_reads_columns_numbers_and_texts(text: str, expected: Call) -> None:
    assert parse_call(text) == expected


def test_columns_are_named_once_in_order_of_first_use() -> None:
    assert parse_call("difference(b, a)").columns == ("b", "a")
    assert parse_call("ratio(a, a)").columns == ("a",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("departure_ts", "got 'departure_ts'; allowed: function"),
        ("", "got ''; allowed: function"),
        ("hours(departure_ts)", r"got the function 'hours'; allowed: .*hour.*; did you mean hour\?"),
        ("hour()", r"hour: got 0 arguments; allowed: hour\(timestamp\)"),
        ("hour(a, b)", r"hour: got 2 arguments; allowed: hour\(timestamp\)"),
        ("is_in(a)", r"is_in: got 1 argument; allowed: is_in\(value, first, \*others\)"),
        ("hour(weather.at)", r"got the argument 'weather.at'; .*table__name"),
        ("hour(hour(a))", r"got the argument 'hour\(a\)'"),
        ("ratio(a,)", "got the argument 'nothing after a comma'"),
        ("ratio(a b)", "got the argument 'a b'"),
        ("is_in(a, 'JFK)", 'got the argument "\'JFK"'),
        ("ratio(1, 2)", "ratio: got no column among the arguments"),
        ("cyclic(a, 24, 'tan')", "cyclic: got the part 'tan'; allowed: 'sin' or 'cos'"),
        ("cyclic(a, 0, 'sin')", "cyclic: got 0 for the period"),
        ("cyclic(a, b, 'sin')", "cyclic: got a column for the period"),
        ("ratio(a, 'b')", "ratio: got the text 'b'"),
        ("is_in(a, 'JFK', 1)", "is_in: got numbers and texts"),
        ("is_in(a, b)", "is_in: got numbers and texts, or columns"),
    ],
)
def test_parse_call_says_what_it_got_and_what_is_allowed(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_call(text)


@given(text=st.text(max_size=40))
def test_parse_call_never_fails_with_anything_but_a_value_error(text: str) -> None:
    try:
        parse_call(text)
    except ValueError as error:
        assert "allowed" in str(error)  # noqa: PT017 - most texts are refused, a few are calls


def test_apply_calls_returns_only_the_new_columns_as_float64_on_the_same_index() -> None:
    frame = pd.DataFrame({"a": [1, 4], "b": [2, 0]}, index=[7, 3])
    made = apply_calls({"share": "ratio(a, b)", "gap": "difference(a, b)"}, frame, "UTC")
    expected = pd.DataFrame({"share": [0.5, np.nan], "gap": [-1.0, 4.0]}, index=[7, 3])
    pd.testing.assert_frame_equal(made, expected)


def test_apply_calls_gives_the_clock_of_the_zone() -> None:
    frame = pd.DataFrame({"at": [1_372_680_000.0]})  # 2013-07-01T12:00Z
    assert apply_calls({"h": "hour(at)"}, frame, "America/New_York")["h"].tolist() == [8.0]
    assert apply_calls({"h": "hour(at)"}, frame, "UTC")["h"].tolist() == [12.0]


def test_apply_calls_on_no_rows_and_with_no_calls() -> None:
    frame = pd.DataFrame({"at": np.empty(0)})
    assert apply_calls({"h": "hour(at)"}, frame, "UTC").dtypes.to_dict() == {"h": np.dtype("float64")}
    assert apply_calls({}, pd.DataFrame({"at": [1.0]}), "UTC").shape == (1, 0)


def test_apply_calls_refuses_a_frame_without_the_column() -> None:
    with pytest.raises(DataContractError, match="h: hour\\(at\\) reads the column at, which is absent"):
        apply_calls({"h": "hour(at)"}, pd.DataFrame({"other": [1.0]}), "UTC")


@pytest.mark.usefixtures("own_functions")
def test_a_projects_own_function_gets_arrays_constants_and_the_zone() -> None:
    frame = pd.DataFrame({"at": [0.0, 50_000.0]})
    assert parse_call("above_local_noon(at, 0.5)").columns == ("at",)
    assert apply_calls({"x": "above_local_noon(at, 0.5)"}, frame, "UTC")["x"].tolist() == [3.0, 3.5]


@pytest.mark.usefixtures("own_functions")
def test_a_projects_own_function_is_held_to_its_arity_and_shape() -> None:
    with pytest.raises(ValueError, match=r"got 1 argument; allowed: above_local_noon\(timestamp, share\)"):
        parse_call("above_local_noon(at)")
    with pytest.raises(ValueError, match=r"above_noon.*did you mean above_local_noon"):
        parse_call("above_noon(at)")
    with pytest.raises(ValueError, match=r"too_short: returned shape \(1,\); allowed: \(2,\)"):
        apply_calls({"x": "too_short(at)"}, pd.DataFrame({"at": [0.0, 1.0]}), "UTC")
