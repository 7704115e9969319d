"""Records of CSV text: a header matched by name, and as many fields in every record."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from lakeloop.config.source import Source
from lakeloop.landing.header import match_columns
from lakeloop.landing.opened import MALFORMED, UNKNOWN, Block, OpenText, RefusedError


def read_csv(source: Source, text: OpenText) -> Iterator[Block]:
    """Read the records of CSV text, a block at a time; a record with another number of fields is malformed.

    Args:
        source: The source's declaration.
        text: The text.

    Yields:
        Declared columns, `_malformed` and `_unknown` -> values of one block of records.

    Raises:
        RefusedError: If it is no CSV, or its columns are not those declared.

    >>> import hashlib, tempfile
    >>> from pathlib import Path
    >>> from lakeloop.landing.opened import open_text
    >>> declared = {"source": "orders", "landing": {"path": "orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.csv"
    ...     _ = path.write_text("order")
    ...     with open_text(path, hashlib.sha256()) as text:
    ...         list(read_csv(Source.model_validate(declared), text))
    [{'order': [], '_malformed': [], '_unknown': []}]
    """
    nulls = source.files.nulls
    records = csv.reader(text.read_lines(), strict=True)
    try:
        header = next(records, None)
        if header is None:
            raise RefusedError("the file is empty: not even a header")
        header = [source.files.declared_name(name.strip()) for name in header]
        matched = match_columns(source, header)
        positions = [(name, header.index(name)) for name in matched.known]
        unknown = [(name, header.index(name)) for name in matched.unknown]
        columns: dict[str, list[Any]] = {name: [] for name in (*source.columns, MALFORMED, UNKNOWN)}
        for record in records:
            if len(record) == len(header):
                for name, position in positions:
                    value = record[position]
                    columns[name].append(None if value in nulls else value)
                columns[MALFORMED].append(None)
                more = [(name, None if record[at] in nulls else record[at]) for name, at in unknown]
                columns[UNKNOWN].append(more or None)
            elif record:  # a blank line is no record
                for name, _ in positions:
                    columns[name].append(None)
                columns[MALFORMED].append(",".join(record))
                columns[UNKNOWN].append(None)
            for name in matched.missing:
                columns[name] += [None] * (len(columns[MALFORMED]) - len(columns[name]))
            if text.is_block_full(len(columns[MALFORMED])):
                yield columns
                columns = {name: [] for name in columns}
        yield columns
    except csv.Error as problem:
        open_quote = "end of data" in str(problem) or "field limit" in str(problem)
        hint = "; does a quote above not end?" if open_quote else ""
        raise RefusedError(f"unreadable at line {records.line_num}: {problem}{hint}") from problem
