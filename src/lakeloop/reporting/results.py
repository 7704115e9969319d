"""Results of steps as plain JSON values, and as lines for a person."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any

_INDENT = "  "


def as_plain(value: Any) -> Any:
    """Give a result as values JSON can hold.

    Args:
        value: A frozen dataclass, or anything inside one.

    Returns:
        Dicts, lists, texts, numbers, truths and None. An instant is ISO in UTC with `Z`, a duration is seconds, an enum
        is its value, a path and anything unknown is its text; a number that is NaN or infinite is None.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Scored:
    ...     rows: int
    ...     through: datetime
    ...     loss: float
    >>> as_plain(Scored(3, datetime(2013, 5, 1, 4, tzinfo=UTC), math.nan))
    {'rows': 3, 'through': '2013-05-01T04:00:00Z', 'loss': None}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(as_plain(key)): as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((as_plain(item) for item in value), key=str)
    if isinstance(value, Enum):
        return as_plain(value.value)
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return _text(value)


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        instant = value if value.tzinfo is None else value.astimezone(UTC)
        return instant.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "item") and not hasattr(value, "__len__"):  # a scalar of NumPy
        return as_plain(value.item())
    return str(value)


def describe_result(result: Any, width: int | None = None) -> str:
    """Write a step's result for a person: a line per field, a table per list of records.

    Args:
        result: A frozen dataclass, or a mapping of names to such.
        width: Columns of the terminal; a table that is wider is written as records, a line per field. None for none.

    Returns:
        Lines of plain text; what is missing is `-`.

    >>> print(describe_result({"rows": 3, "tables": [{"name": "weather", "rows": 2}, {"name": "routes", "rows": 11}]}))
    rows: 3
    tables
      name     rows
      weather     2
      routes     11
    >>> print(describe_result([{"name": "weather", "rows": 2}, {"name": "routes", "rows": 11}], 12))
    name: weather
    rows: 2
    <BLANKLINE>
    name: routes
    rows: 11
    """
    plain = as_plain(result)
    return "\n".join(_lines(plain, "", width) if isinstance(plain, dict | list) else [_cell(plain)])


def _lines(value: Mapping[str, Any] | Sequence[Any], indent: str, width: int | None) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, Mapping) and item:
                yield f"{indent}{name}"
                yield from _lines(item, indent + _INDENT, width)
            elif _is_table(item):
                yield f"{indent}{name}"
                yield from _table(item, indent + _INDENT, width)
            else:
                yield f"{indent}{name}: {_cell(item)}"
    elif _is_table(value):
        yield from _table(value, indent, width)
    else:
        for item in value:
            yield f"{indent}{_cell(item)}"


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _table(rows: Sequence[Mapping[str, Any]], indent: str, width: int | None) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    if width is not None and len(indent) + sum(widths) + 2 * (len(names) - 1) > width:
        for number, line in enumerate(cells[1:]):
            yield from [""] if number else []
            yield from (f"{indent}{name}: {text}" for name, text in zip(names, line, strict=True))
        return
    is_number = [all(isinstance(row.get(name), int | float | None) for row in rows) for name in names]
    for line in cells:
        padded = (
            text.rjust(room) if right else text.ljust(room)
            for text, room, right in zip(line, widths, is_number, strict=True)
        )
        yield (indent + "  ".join(padded)).rstrip()


def _cell(value: Any) -> str:
    if value is None or value in ([], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "; ".join(_cell(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items())
    return str(value)
