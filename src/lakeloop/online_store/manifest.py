"""The manifest as a store holds it: one JSON text of all tables, and a stamp by which a reader sees that it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from lakeloop.online_store.encoding import to_instant, to_micros
from lakeloop.online_store.store import PublishedTable

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Manifest:
    """What a store serves.

    Attributes:
        tables: Table -> what is served of it.
        stamp: Hash of all of it; empty where nothing was ever served.
        through: Table -> `built_through`, microseconds.
    """

    tables: Mapping[str, PublishedTable] = field(default_factory=dict)
    stamp: str = ""
    through: Mapping[str, int] = field(default_factory=dict)


def encode_manifest(tables: Mapping[str, PublishedTable]) -> tuple[str, str]:
    """Write a manifest.

    Args:
        tables: Table -> what is served of it.

    Returns:
        Its stamp and its text.

    >>> encode_manifest({})
    ('44136fa355b3678a', '{}')
    """
    text = json.dumps({name: _plain(each) for name, each in sorted(tables.items())}, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16], text


def decode_manifest(text: str | bytes | None, stamp: str) -> Manifest:
    """Read a manifest.

    Args:
        text: What `encode_manifest` wrote; None before the first publish.
        stamp: Its stamp.

    Returns:
        The manifest.

    >>> decode_manifest(None, "").tables
    {}
    """
    tables = {} if text is None else {name: _table(each) for name, each in json.loads(text).items()}
    return Manifest(tables, stamp, {name: to_micros(each.built_through) for name, each in tables.items()})


def merged(tables: Mapping[str, PublishedTable], swapped: Sequence[PublishedTable]) -> dict[str, PublishedTable]:
    """Give what is served after a swap.

    Args:
        tables: What was served.
        swapped: What takes its place, or is new.

    Returns:
        Table -> what is served of it.

    >>> merged({}, [])
    {}
    """
    return {**tables, **{each.table: each for each in swapped}}


def _plain(table: PublishedTable) -> dict[str, Any]:
    return {each.name: _as_json(getattr(table, each.name)) for each in fields(table)}


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if isinstance(value, Mapping):  # a list keeps the order of the features, whatever reads it
        return [list(each) for each in value.items()]
    return list(value) if isinstance(value, tuple) else value


def _table(said: Mapping[str, Any]) -> PublishedTable:
    every, ttl = (None if said[name] is None else said[name] * _MICROSECOND for name in ("every", "ttl"))
    return PublishedTable(
        table=said["table"],
        generation=said["generation"],
        entity=tuple(said["entity"]),
        features=dict(said["features"]),
        key_types=dict(said["key_types"]),
        every=every,
        ttl=ttl,
        built_through=to_instant(said["built_through"]),
        delta_version=said["delta_version"],
        spec_hash=said["spec_hash"],
        published_as_of=to_instant(said["published_as_of"]),
    )
