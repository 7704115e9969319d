"""What is written reads back as the same value, of the same type."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.online_store.encoding import (
    decode_states,
    decode_values,
    encode_key,
    encode_states,
    encode_values,
    to_instant,
    to_micros,
)
from lakeloop.online_store.store import State, Value

VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text())
MICROS = st.integers(-(2**63), 2**63 - 1)
KEYS = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.text())
INSTANTS = st.datetimes(timezones=st.just(UTC))


def same(left: Value, right: Value) -> bool:
    """Equal, of one type, and of one sign where it is a zero."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isnan(left) == math.isnan(right) and (math.isnan(left) or left.hex() == right.hex())
    return type(left) is type(right) and left == right


@given(st.lists(VALUES).map(tuple))
def test_values_read_back_as_they_were(values: tuple[Value, ...]) -> None:
    read = decode_values(encode_values(values))
    assert len(read) == len(values)
    assert all(map(same, read, values))


@given(st.lists(st.tuples(MICROS, MICROS, st.lists(VALUES).map(tuple)), max_size=2))
def test_states_read_back_as_they_were(states: list[tuple[int, int, tuple[Value, ...]]]) -> None:
    written = [State(*each) for each in states]
    read = decode_states(encode_states(written))
    assert [each[:2] for each in read] == [each[:2] for each in written]
    assert all(all(map(same, a.values, b.values)) for a, b in zip(read, written, strict=True))


@given(st.tuples(KEYS, KEYS), st.tuples(KEYS, KEYS))
def test_two_keys_have_one_text_only_if_they_are_equal(left: tuple[Value, Value], right: tuple[Value, Value]) -> None:
    is_equal = all(map(same, left, right))
    assert (encode_key(left) == encode_key(right)) is is_equal


@given(INSTANTS)
def test_an_instant_is_its_microseconds(instant: datetime) -> None:
    assert to_instant(to_micros(instant)) == instant
    assert isinstance(to_micros(instant), int)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (("JFK", 3), '["JFK",3]'),
        ((3, "JFK"), '[3,"JFK"]'),
        (("3",), '["3"]'),
        ((True,), "[true]"),
        ((-0.0,), "[0.0]"),
        (("a,b", 'c"d'), '["a,b","c\\"d"]'),
    ],
)
def test_a_key_is_written_exactly(key: tuple[Value, ...], text: str) -> None:
    assert encode_key(key) == text
