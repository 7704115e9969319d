"""Checks that an environment changes only what the base has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed, rename_remedy
from lakeloop.errors import ConfigIssue

_NAMED: frozenset[KeyPath] = frozenset({("columns",), ("derive",), ("attributes",), ("on_demand",), ("label", "void")})
"""Sections whose keys a project chooses: only the base adds to them."""


def override_issues(kind: str, document: LocatedYaml, override: LocatedYaml) -> Iterator[ConfigIssue]:
    r"""Check one file of an environment.

    Args:
        kind: Kind of object, the key that names it.
        document: The file of the base.
        override: The file of the environment.

    Yields:
        What matches nothing, or is no override at all.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> base = parse_yaml("source: orders\nlanding: {path: landing/orders}", "conf/base/sources/orders.yml")
    >>> over = parse_yaml("source: order\nlanding: {path: /mnt/orders}", "conf/prod/sources/orders.yml")
    >>> for issue in override_issues("source", base, over):
    ...     print(issue)
    conf/prod/sources/orders.yml:1: source
        got:     'order'
        allowed: 'orders', as in conf/base/sources/orders.yml
        remedy:  remove the key source: an environment cannot rename
    """
    if override.data is None:
        return
    if not isinstance(override.data, Mapping):
        allowed = "a section with the keys to change"
        yield override.issue((), override.shown_at(()), allowed, "write `key: value` pairs")
        return
    base: Mapping[str, Any] = document.data if isinstance(document.data, Mapping) else {}
    if kind in override.data and override.data[kind] != base.get(kind):
        got, allowed = override.shown_at((kind,)), f"{document.shown_at((kind,))}, as in {document.file}"
        yield override.issue((kind,), got, allowed, f"remove the key {kind}: an environment cannot rename")
    yield from _unmatched(document, override, base, override.data, ())


def _unmatched(
    document: LocatedYaml, override: LocatedYaml, base: Mapping[str, Any], over: Mapping[str, Any], path: KeyPath
) -> Iterator[ConfigIssue]:
    for key, value in over.items():
        here = (*path, key)
        if path in _NAMED and key not in base:
            got, allowed = f"{key!r}, which {document.file} does not have", f"{listed(base)}, as there"
            remedy = rename_remedy(key, base, "remove it, or add it to conf/base")
            yield override.issue(here, got, allowed, remedy, at_key=True)
        elif isinstance(base.get(key), list) and isinstance(value, Mapping):
            allowed = "a list: an environment replaces a list whole, not one of its elements"
            yield override.issue(here, override.shown_at(here), allowed, "write the whole list")
        elif isinstance(base.get(key), Mapping) and isinstance(value, Mapping):
            yield from _unmatched(document, override, base[key], value, here)
