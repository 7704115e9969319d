"""By what the rows of a batch were judged: noted with what was accepted, so that what is left is judged by the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lakeloop.config.source import Source
from lakeloop.errors import ConflictError, Failure
from lakeloop.tables import Commit, identity_hash

_AS_OF, _PARTS = "as_of", "judged_by"


def note_judgement(source: Source, as_of: datetime) -> dict[str, Any]:
    """Note by what rows are judged.

    Args:
        source: The source's declaration.
        as_of: Logical now of the ingest, UTC.

    Returns:
        What is recorded with the commit of the accepted rows: the instant, and a hash of each part of the declaration
        on which it depends where a row goes. Words, and rules over a turn's rows as a whole, are none of them.

    >>> from datetime import UTC
    >>> noted = note_judgement(shops.sources["orders"], datetime(2024, 1, 25, tzinfo=UTC))
    >>> noted["as_of"], [each for each in noted["judged_by"] if each.startswith("rule ")]
    ('2024-01-25T00:00:00+00:00', ['rule range_items'])
    """
    return {_AS_OF: as_of.isoformat(), _PARTS: _hash_parts(source)}


def read_judgement(source: Source, done: Commit | None, file: str) -> datetime | None:
    """Read as of when a batch was judged whose accepted rows are written already.

    Args:
        source: The source's declaration of today.
        done: The commit of its accepted rows; None when it was not made.
        file: The source's file, for the message.

    Returns:
        The logical now its rows were judged by; None when none of them were, or the commit does not tell.

    Raises:
        ConflictError: If they would be judged by another declaration now, with the parts that differ.

    >>> from datetime import UTC
    >>> orders, noon = shops.sources["orders"], datetime(2024, 1, 25, 12, tzinfo=UTC)
    >>> done = Commit(1, "a1", "ingest", "batch orders", "", rows=3, notes=note_judgement(orders, noon))
    >>> read_judgement(orders, done, "orders.yml") == noon, read_judgement(orders, None, "orders.yml")
    (True, None)
    >>> try:
    ...     read_judgement(orders.model_copy(update={"rules": ()}), done, "orders.yml")
    ... except ConflictError as error:
    ...     print(error.failures[0])
    rule range_items: was removed after a part of the batch was written by it
    """
    if done is None or _PARTS not in done.notes:
        return None
    failures = [Failure(name, found) for name, found in _compare(done.notes[_PARTS], _hash_parts(source)).items()]
    if failures:
        raise ConflictError(
            f"source {source.source}",
            failures,
            f"set this back in {file}, ingest once, then make the change again: a batch whose accepted rows are"
            " written, and the others not yet, has to be ended by what it was begun with; nothing more was written now",
        )
    return datetime.fromisoformat(done.notes[_AS_OF])


def _hash_parts(source: Source) -> dict[str, str]:
    parts: dict[str, Any] = {
        "columns": [(name, each.type.value) for name, each in source.columns.items()],
        "derive": [(name, each.as_, each.type.value) for name, each in source.derive.items()],
        "key": sorted(source.key),
        "event_ts": source.event_ts,
        "available_ts": source.available_ts,
        "mode": source.mode.value,
        "order_by": source.order_by,
        "history": source.history and source.history.trusted_until.timestamp(),
        "new_columns": source.origin.new_columns.value,
    }
    rules = [each for each in source.rules if each.unique_columns or each.conditions()]
    for rule in rules:
        parts.setdefault(f"rule {rule.label}", []).append(rule.model_dump(mode="json", by_alias=True))
    parts["order of rules"] = [each.label for each in rules if each.unique_columns]
    return {name: identity_hash(part)[:16] for name, part in parts.items()}


def _compare(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Tell what was added, removed or changed, part by part.

    >>> _compare({"key": "1", "rule a": "2"}, {"key": "2", "rule b": "3"})  # doctest: +NORMALIZE_WHITESPACE
    {'key': 'was changed after a part of the batch was written by it',
     'rule a': 'was removed after a part of the batch was written by it',
     'rule b': 'was added after a part of the batch was written without it'}
    """
    found = {}
    for name in sorted({*before, *now}):
        if name not in now:
            found[name] = "was removed after a part of the batch was written by it"
        elif name not in before:
            found[name] = "was added after a part of the batch was written without it"
        elif before[name] != now[name]:
            found[name] = "was changed after a part of the batch was written by it"
    return found
