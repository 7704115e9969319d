"""Keys and values as a store holds them, exact for every value.

A key is JSON on one line. The features of a state are bytes, because to read numbers from text is what would cost a
look-up most: their number (two bytes), a letter per value for its type, then the values, little-endian: `d` a double,
`q` a whole number of eight bytes, `?` true or false, `s` the length of a text in four bytes; `n` stands for null and
takes no room. The texts follow, UTF-8, in their order.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

from lakeloop.online_store.store import Key, State, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_write = json.JSONEncoder(separators=(",", ":")).encode
_STATE = struct.Struct("<qqI")
_SURROGATES = "surrogatepass"


def to_micros(instant: datetime) -> int:
    """Count the microseconds from the epoch to an instant.

    Args:
        instant: Aware.

    Returns:
        Microseconds, exact; below 0 before 1970.

    >>> to_micros(datetime(2013, 5, 1, tzinfo=UTC))
    1367366400000000
    """
    return (instant - _EPOCH) // _MICROSECOND


def to_instant(micros: int) -> datetime:
    """Give the instant that is so many microseconds after the epoch.

    Args:
        micros: Microseconds.

    Returns:
        The instant, aware, UTC.

    >>> to_instant(1367366400000000).isoformat()
    '2013-05-01T00:00:00+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


def encode_key(key: Key) -> str:
    """Write a key.

    Args:
        key: Values of the entity's columns.

    Returns:
        Its text. Equal keys have one text: -0.0 is written as 0.0, as Spark takes them for equal.

    >>> encode_key(("AA", 7)), encode_key((-0.0,))
    ('["AA",7]', '[0.0]')
    """
    return f"[{','.join([encode_basestring_ascii(each) if type(each) is str else _plain(each) for each in key])}]"


def _plain(value: Value) -> str:
    return "0.0" if isinstance(value, float) and value == 0 else _write(value)


class _Layout(NamedTuple):
    """How values of certain types are packed.

    Attributes:
        packed: The values without null, a text as its length.
        start: Where they begin.
        nulls: Places of nulls.
        texts: Places of texts.
    """

    packed: struct.Struct
    start: int
    nulls: tuple[int, ...]
    texts: tuple[int, ...]


@lru_cache(maxsize=4096)
def _layout(tags: bytes) -> _Layout:
    letters = tags.decode()
    packed = struct.Struct("<" + letters.replace("n", "").replace("s", "I"))
    nulls, texts = (tuple(i for i, each in enumerate(letters) if each == wanted) for wanted in "ns")
    return _Layout(packed, 2 + len(tags), nulls, texts)


def _tag(value: Value) -> str:
    if isinstance(value, bool):
        return "?"
    return "n" if value is None else "d" if isinstance(value, float) else "q" if isinstance(value, int) else "s"


def encode_values(values: Sequence[Value]) -> bytes:
    """Write the features of a state.

    Args:
        values: In the manifest's order; whole numbers of at most 64 bits.

    Returns:
        Their bytes.

    >>> encode_values((True, None, "late", 3)).hex(" ", 1)
    '04 00 3f 6e 73 71 01 04 00 00 00 03 00 00 00 00 00 00 00 6c 61 74 65'
    """
    tags = "".join(map(_tag, values)).encode()
    texts = [each.encode("utf-8", _SURROGATES) for each in values if isinstance(each, str)]
    lengths = iter(texts)
    plain = [len(next(lengths)) if isinstance(each, str) else each for each in values if each is not None]
    return b"".join([len(tags).to_bytes(2, "little"), tags, _layout(tags).packed.pack(*plain), *texts])


def decode_values(data: bytes) -> tuple[Value, ...]:
    """Read the features of a state.

    Args:
        data: What `encode_values` wrote.

    Returns:
        The values, each of the type that was written.

    >>> decode_values(encode_values((0.1, None, float("inf"), "late", True, 3)))
    (0.1, None, inf, 'late', True, 3)
    """
    layout = _layout(data[2 : 2 + int.from_bytes(data[:2], "little")])
    packed: tuple[Any, ...] = layout.packed.unpack_from(data, layout.start)
    if not layout.nulls and not layout.texts:
        return packed
    values = list(packed)
    for place in layout.nulls:  # in their order, so that each stands where it stood
        values.insert(place, None)
    start = layout.start + layout.packed.size
    for place in layout.texts:
        end = start + values[place]
        values[place] = data[start:end].decode("utf-8", _SURROGATES)
        start = end
    return tuple(values)


def encode_states(states: Sequence[State]) -> bytes:
    """Write the states of an entity: of each its two instants, the length of its values, and these.

    Args:
        states: Oldest first.

    Returns:
        Their bytes.

    >>> encode_states([State(20, 10, (None,))]).hex()
    '14000000000000000a000000000000000300000001006e'
    """
    parts = []
    for each in states:
        values = encode_values(each.values)
        parts += [_STATE.pack(each.available_micros, each.event_micros, len(values)), values]
    return b"".join(parts)


def decode_states(data: bytes | None) -> list[State]:
    """Read the states of an entity.

    Args:
        data: What `encode_states` wrote; None where nothing is known.

    Returns:
        The states, oldest first.

    >>> decode_states(encode_states([State(20, 10, (0.5, None))])), decode_states(None)
    ([State(available_micros=20, event_micros=10, values=(0.5, None))], [])
    """
    states, start = [], 0
    while data is not None and start < len(data):
        available, event, length = _STATE.unpack_from(data, start)
        start += _STATE.size
        states.append(State(available, event, decode_values(data[start : start + length])))
        start += length
    return states


def decode_served(data: bytes | None, through: int) -> State | None:
    """Read the one state of an entity that is served, and no other.

    Args:
        data: What `encode_states` wrote; None where nothing is known.
        through: The manifest's `built_through`, microseconds.

    Returns:
        The newest state that was available by then; None without one.

    >>> data = encode_states([State(20, 10, (0.5,)), State(40, 30, (0.7,))])
    >>> [state and state.values for state in (decode_served(data, through) for through in (10, 30, 50))]
    [None, (0.5,), (0.7,)]
    """
    found, start = None, 0
    while data is not None and start < len(data):
        available, event, length = _STATE.unpack_from(data, start)
        start += _STATE.size
        if available <= through:
            found = (available, event, start, start + length)
        start += length
    if data is None or found is None:
        return None
    available, event, start, end = found
    return State(available, event, decode_values(data[start:end]))
