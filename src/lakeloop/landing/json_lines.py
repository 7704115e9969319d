"""Records of JSON lines: one object per line; a line that is none is one malformed record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lakeloop.config.landing import Landing, NewColumns
from lakeloop.config.source import Source
from lakeloop.landing.header import MAX_NEW, match_columns
from lakeloop.landing.opened import MALFORMED, UNKNOWN, Block, OpenText, RefusedError


class _Members(list[tuple[str, Any]]):
    """An object as it is written: its members in order, a name perhaps twice."""


# Numbers stay as they are written: a value is typed where a rule can speak of it.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_Members, parse_int=str, parse_float=str, parse_constant=str, strict=False
)


def read_json(source: Source, text: OpenText) -> Iterator[Block]:
    r"""Read the records of JSON lines, a block at a time.

    A member that an object lacks is null. Which columns the file has is known at its end: the members of all objects.

    Args:
        source: The source's declaration.
        text: The text.

    Yields:
        Declared columns, `_malformed` and `_unknown` -> values of one block of records.

    Raises:
        RefusedError: If there is no record, or the columns are not those declared.

    >>> import hashlib, tempfile
    >>> from pathlib import Path
    >>> from lakeloop.landing.opened import open_text
    >>> declared = {"source": "orders", "landing": {"path": "orders"}, "columns": {"order": {"type": "long"}}}
    >>> declared |= {"key": ["order"], "event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.jsonl"
    ...     _ = path.write_text('{"order": 7}\n{"order":\n')
    ...     with open_text(path, hashlib.sha256()) as text:
    ...         list(read_json(Source.model_validate(declared), text))
    [{'order': ['7', None], '_malformed': [None, '{"order":'], '_unknown': [None, None]}]
    """
    nulls, declared = source.files.nulls, source.columns
    ignores = source.files.new_columns is NewColumns.IGNORE
    names: dict[str, None] = {}  # in the order in which they were met
    columns: dict[str, list[Any]] = {name: [] for name in (*declared, MALFORMED, UNKNOWN)}
    is_first = True
    for line in text.read_lines():
        written = line.strip()
        if not written:  # a blank line is no record
            continue
        if is_first and written[0] == "[":
            raise RefusedError("a JSON array: deliver one object per line")
        is_first = False
        members = _renamed(_take_apart(written), source.files)
        found = {} if members is None else {name: None if value in nulls else value for name, value in members.items()}
        names.update(dict.fromkeys(name for name in found if name in declared or not ignores))
        if len(names) > len(declared) + MAX_NEW:
            break
        for name in declared:
            columns[name].append(found.get(name))
        columns[MALFORMED].append(written if members is None else None)
        more = [(name, value) for name, value in found.items() if name not in declared]
        columns[UNKNOWN].append((more or None) if source.files.keeps_new_columns else None)
        if text.is_block_full(len(columns[MALFORMED])):
            yield columns
            columns = {name: [] for name in columns}
    if is_first:
        raise RefusedError("the file is empty: not one record")
    if names:  # of malformed lines alone nobody knows the columns
        match_columns(source, list(names))
    yield columns


def _renamed(members: dict[str, str | None] | None, files: Landing) -> dict[str, str | None] | None:
    """Give members their declared names; None where two of them are one column."""
    if members is None or not files.names:
        return members
    renamed = {files.declared_name(name): value for name, value in members.items()}
    return renamed if len(renamed) == len(members) else None


def _take_apart(line: str) -> dict[str, str | None] | None:
    r"""Give the members of an object as text; None where the line is no object, or names a member twice.

    >>> _take_apart('{"a": 1.50, "b": null, "c": true, "d": {"e": [1, "x"]}}')
    {'a': '1.50', 'b': None, 'c': 'true', 'd': '{"e":[1,"x"]}'}
    >>> _take_apart('{"a": 1, "a": 2}'), _take_apart("7"), _take_apart('{"a": "\\ud800"}')
    (None, None, None)
    """
    try:
        members = _DECODER.decode(line)
        if not isinstance(members, _Members) or len(dict(members)) < len(members):
            return None
        found = {name: _as_text(value) for name, value in members}
        if any(isinstance(value, list) for _, value in members):  # as it is written, without its spaces
            whole = json.loads(line)
            nested = (name for name, value in members if isinstance(value, list))
            found |= {name: json.dumps(whole[name], ensure_ascii=False, separators=(",", ":")) for name in nested}
        if "\\u" in line:  # half of a pair is no letter
            "".join((*found, *filter(None, found.values()))).encode()
    except (ValueError, RecursionError):
        return None
    return found


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or isinstance(value, list) else str(value)
