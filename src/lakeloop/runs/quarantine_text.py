"""What is in quarantine, for a person: lines that fit a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime

from lakeloop.discovery.text import count_of
from lakeloop.runs.quarantine import QuarantineCounts, QuarantinedRow, QuarantineSample, RuleCount

_COUNTS = 44  # columns of a rule's numbers: rows, replayed, first, last
_MAX_VALUE = 200


def describe_counts(counts: QuarantineCounts, *, width: int = 80) -> str:
    """Write the counts by source and rule.

    Args:
        counts: The counts.
        width: Columns to stay within.

    Returns:
        A block per source that has rows, a line per rule; the last line names those that have none.

    >>> from lakeloop.runs.quarantine import SourceCount
    >>> first, last = datetime(2024, 1, 25, tzinfo=UTC), datetime(2024, 2, 4, tzinfo=UTC)
    >>> found = SourceCount("orders", 35, 2, (RuleCount("range_items", 35, first, last, 2),))
    >>> print(describe_counts(QuarantineCounts((SourceCount("deliveries"), found))))
    orders: 35 rows in quarantine, 2 replayed
      rule             rows  replayed             first              last
      range_items        35         2  2024-01-25 00:00  2024-02-04 00:00
    nothing in quarantine: deliveries
    """
    lines: list[str] = []
    room = max(width - _COUNTS - 16, 12)
    for source in counts.sources:
        if not source.rows:
            continue
        lines.append(
            f"{source.source}: {count_of(source.rows, 'row')} in quarantine, {source.rows_replayed:,} replayed"
        )
        names = [each.rule for each in source.rules if len(each.rule) <= room]
        wide = max(map(len, names), default=4)
        lines.append(f"  {'rule':<{wide}}  {'rows':>8}  {'replayed':>8}  {'first':>16}  {'last':>16}")
        for each in source.rules:
            lines += _rule_lines(each, wide)
    empty = [each.source for each in counts.sources if not each.rows]
    if empty:
        lines += textwrap.wrap(f"nothing in quarantine: {', '.join(empty)}", width, subsequent_indent="  ")
    return "\n".join(lines)


def _rule_lines(rule: RuleCount, wide: int) -> Iterator[str]:
    numbers = f"{rule.rows:>8,}  {rule.rows_replayed:>8,}  {_minute(rule.first)}  {_minute(rule.last)}"
    if len(rule.rule) > wide:  # a name that leaves no room for its numbers
        yield f"  {rule.rule}"
        yield f"  {'':<{wide}}  {numbers}"
    else:
        yield f"  {rule.rule:<{wide}}  {numbers}"


def _minute(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def describe_sample(sample: QuarantineSample, *, width: int = 80) -> str:
    """Write the first rows of a source's quarantine.

    Args:
        sample: The rows.
        width: Columns to stay within.

    Returns:
        A block per row: where it came from, its key, why it was rejected, and what else landed with it.

    >>> from lakeloop.runs.quarantine import Reason
    >>> reason = Reason("range_items", "items", "is not from 1")
    >>> at = datetime(2024, 2, 4, tzinfo=UTC)
    >>> row = QuarantinedRow("a.csv", 7, at, False, {"order": "600"}, (reason,), {"shop": "A", "items": "0"}, None)
    >>> print(describe_sample(QuarantineSample("orders", None, 10, (row,))))
    orders: 1 quarantined row
    1. a.csv, record 7, as of 2024-02-04 00:00
         key      order=600
         reason   range_items: items is not from 1
         landed   shop=A, items=0
    """
    of_rule = f" of {sample.rule}" if sample.rule else ""
    if not sample.rows:
        return f"{sample.source}: nothing in quarantine"
    if len(sample.rows) == sample.limit:
        head = f"{sample.source}: the first {count_of(len(sample.rows), 'quarantined row')}{of_rule}"
    else:
        head = f"{sample.source}: {count_of(len(sample.rows), 'quarantined row')}{of_rule}"
    lines = [head]
    for number, row in enumerate(sample.rows, 1):
        lines += _row_lines(number, row, width)
    return "\n".join(lines)


def _row_lines(number: int, row: QuarantinedRow, width: int) -> Iterator[str]:
    replayed = ", replayed since" if row.is_replayed else ""
    place = f"{number}. {row.file}, record {row.record}, as of {_minute(row.as_of)}{replayed}"
    yield from textwrap.wrap(place, width, subsequent_indent="   ")
    if row.malformed is None:
        yield from _entry("key", _pairs(row.key), width)
    for reason in row.reasons:
        yield from _entry("reason", f"{reason.rule}: {reason.column} {reason.message}".replace(":  ", ": "), width)
    if row.malformed is None:
        yield from _entry("landed", _pairs(row.values), width)
    else:
        yield from _entry("record", _plain(row.malformed), width)


def _entry(name: str, text: str, width: int) -> list[str]:
    head = f"     {name:<9}"
    return textwrap.wrap(text, width, initial_indent=head, subsequent_indent=" " * len(head)) if text else []


def _pairs(values: dict[str, str | None]) -> str:
    return ", ".join(f"{name}={'null' if value is None else _plain(value)}" for name, value in values.items())


def _plain(value: str) -> str:
    r"""Write a landed text for a terminal: what would move its cursor is written out, a long one is cut.

    >>> _plain("7"), _plain(" 7"), _plain("null"), _plain("a" + chr(27) + "[2J")
    ('7', "' 7'", "'null'", "'a\\x1b[2J'")
    """
    cut = value if len(value) <= _MAX_VALUE else f"{value[:_MAX_VALUE]}..."
    is_plain = cut.isprintable() and cut == cut.strip() and cut not in ("", "null") and ", " not in cut
    return cut if is_plain else repr(cut)
