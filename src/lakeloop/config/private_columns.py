"""Columns of a source that say something of a person: those with the tag `pii`, and what is made of them."""

from __future__ import annotations

from lakeloop.config.expressions import expression_columns
from lakeloop.config.section import PII
from lakeloop.config.source import Source


def private_source_columns(source: Source) -> frozenset[str]:
    """Find the columns of a bronze table that say something of a person.

    Args:
        source: The source; the tag on it stands for all of its columns.

    Returns:
        Landed columns with the tag, derived columns with the tag or made of one of them, and times made of them. An
        expression that does not parse is made of nothing.

    >>> source = Source.model_validate({
    ...     "source": "orders", "landing": {"path": "orders"}, "key": ["order"], "event_ts": "due_ts",
    ...     "available_ts": "event_ts", "columns": {
    ...         "order": {"type": "long"}, "due_ts": {"type": "timestamp"},
    ...         "birth_year": {"type": "integer", "tags": ["pii"]}},
    ...     "derive": {"age": {"as": "year(due_ts) - birth_year", "type": "integer"}}})
    >>> sorted(private_source_columns(source))
    ['age', 'birth_year']
    """
    made = {name: _columns_of(each.as_) for name, each in source.derive.items()}
    made |= {"event_ts": _columns_of(source.event_ts), "available_ts": _columns_of(source.available_ts)}
    if PII in source.tags:
        return frozenset((*source.columns, *made))
    found = {name for name, each in source.declared.items() if PII in each.tags}
    added = found
    while added:
        added = {name for name, columns in made.items() if name not in found and columns & found}
        found |= added
    return frozenset(found)


def _columns_of(text: str) -> frozenset[str]:
    try:
        return frozenset(name.lower() for name in expression_columns(text))
    except ValueError:
        return frozenset()
