"""The catalogue and a search as lines for a person."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from lakeloop.config.section import PII
from lakeloop.discovery.catalogue import Catalogue, FeatureEntry, TableEntry
from lakeloop.discovery.search import Found

_MAX_HITS = 25
_NEXT = "next: lakeloop features show TABLE[.FEATURE], lakeloop features search WORDS"


def describe_catalogue(catalogue: Catalogue, *, width: int = 80) -> str:
    r"""Write the catalogue: what each table is, and a line for each feature.

    Args:
        catalogue: The catalogue.
        width: Columns to stay within.

    Returns:
        Lines of plain text.

    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> print("\n".join(describe_catalogue(build_catalogue(shops)).splitlines()[-6:-3]))
    shop_last
      attributes; per shop; from deliveries; expires after 2d
      last_delay_minutes  double  -  late
    """
    if not catalogue.tables:
        return "no feature table is declared: write one in conf/base/features/"
    lines: list[str] = []
    for table in catalogue.tables:
        lines += [*table_lines(table, width), *_rows(table.features, width, told=table.tags), ""]
    lines.append(f"{count_of(len(catalogue.features), 'feature')} in {count_of(len(catalogue.tables), 'table')}")
    if any(each.type is None for each in catalogue.features):
        lines.append("?: a type that only Spark knows; show --as-of reads it from the table")
    lines.append(_NEXT)
    return "\n".join(lines)


def table_lines(table: TableEntry, width: int) -> Iterator[str]:
    """Write what a table is.

    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> list(table_lines(build_catalogue(shops).tables[0], 80))
    ['shop_delays', '  windowed, every 1h; per shop; from deliveries']
    """
    yield table.table + (f"  [{', '.join(table.tags)}]" if table.tags else "")
    if table.description:
        yield from wrapped(table.description, width)
    facts = [f"{table.kind}, every {table.every}" if table.every is not None else table.kind.value]
    facts += [f"per {', '.join(table.entity)}", f"from {table.source}"]
    facts += [f"expires after {table.ttl}"] if table.ttl is not None else []
    facts += [table.owner] if table.owner else []
    yield from wrapped("; ".join(facts), width)


def describe_found(found: Found, *, width: int = 80) -> str:
    """Write what a search found, best first.

    Args:
        found: What was found.
        width: Columns to stay within.

    Returns:
        Lines of plain text.

    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> from lakeloop.discovery.search import search_catalogue
    >>> print(describe_found(search_catalogue(build_catalogue(shops), ["dealy"])))
    nothing has the word: dealy
    did you mean: delay
    """
    lines: list[str] = []
    if not found.words:
        return "no word was given: letters and digits count"
    if found.unmatched:
        lines += wrapped(f"nothing has the word: {', '.join(found.unmatched)}", width, "")
    if found.did_you_mean:
        lines += wrapped(f"did you mean: {', '.join(found.did_you_mean)}", width, "")
    if found.hits:
        shown = [hit.feature for hit in found.hits[:_MAX_HITS]]
        lines += _rows(shown, width)
        more = len(found.hits) - len(shown)
        lines.append(f"{count_of(len(found.hits), 'feature')}{f', {more} not shown: add a word' if more else ''}")
    return "\n".join(lines)


def _rows(features: Sequence[FeatureEntry], width: int, *, told: Sequence[str] | None = None) -> Iterator[str]:
    """Write a line for each feature: name, type, unit, the models that use it, and tags.

    Args:
        features: Features; below their table, or of several tables.
        width: Columns to stay within.
        told: Tags of the table they stand below, which are told there; None for features of several tables, which are
            named with their table, and of whose tags only `pii` is told.

    Yields:
        Lines.
    """
    tags = [[tag for tag in each.tags if (tag == PII if told is None else tag not in told)] for each in features]
    cells = [
        (
            each.name if told is None else each.feature,
            each.type or "?",
            each.unit or "-",
            ", ".join(each.models) or "no model",
            f"[{', '.join(own)}]" if own else "",
        )
        for each, own in zip(features, tags, strict=True)
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    for name, kind, unit, models, shown in cells:
        begin = f"  {name:<{widths[0]}}  {kind:<{widths[1]}}  {unit:<{widths[2]}}  "
        text = f"{models}  {shown}".rstrip()
        if len(begin) > width - 16:  # a long name or unit leaves no room
            yield begin.rstrip()
            yield from wrapped(text, width, "      ")
        else:
            yield from textwrap.wrap(text, width, initial_indent=begin, subsequent_indent=" " * len(begin))


def wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """Wrap a text; names are never broken.

    Args:
        text: The text.
        width: Columns to stay within.
        indent: What every line begins with.

    Returns:
        The lines.

    >>> wrapped("shop_delays and shop_last", 16)
    ['  shop_delays', '  and shop_last']
    """
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def labelled(label: str, text: str, width: int, *, indent: int = 2, label_width: int = 14) -> Iterable[str]:
    """Write a label and its text, the text hanging beside it.

    Args:
        label: The label.
        text: The text.
        width: Columns to stay within.
        indent: Columns before the label.
        label_width: Columns of the label, with the space behind it.

    Returns:
        The lines.

    >>> list(labelled("owner", "operations", 80))
    ['  owner         operations']
    """
    begin = " " * indent + label.ljust(label_width)
    return textwrap.wrap(
        text,
        width,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )


def count_of(number: int, noun: str) -> str:
    """Write a number of things.

    Args:
        number: How many.
        noun: One of them, with a plural in -s.

    Returns:
        The number with thousands set apart, and the noun.

    >>> count_of(1, "row"), count_of(27004, "row")
    ('1 row', '27,004 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_MOST_OF_A_STORE = 300


def in_a_line(problem: BaseException) -> str:
    r"""Write what a store answered in one line: its steps one after another, without colours and query strings.

    Args:
        problem: An error of the library.

    Returns:
        The line, cut.

    >>> in_a_line(OSError("Generic S3 error\n   \x1b[31m\u21b3\x1b[0m GET http://s3/a?sig=b: 403 Forbidden\n"))
    'Generic S3 error: GET http://s3/a?...: 403 Forbidden'
    """
    plain = re.sub("\x1b\\[[0-9;]*m|\u21b3", "", str(problem))
    steps = [" ".join(each.split()) for each in plain.splitlines() if each.strip()]
    return re.sub(r"\?[^\s:]+", "?...", ": ".join(steps) or type(problem).__name__)[:_MOST_OF_A_STORE]
