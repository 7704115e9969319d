"""What YAML and pydantic would take without a word, but nobody means: repeated items, bare `no` as a parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.errors import ConfigIssue

_SWITCHED: Mapping[str, tuple[KeyPath, ...]] = {
    "model": (("estimator", "params"), ("estimator", "search")),
    "project": (("spark",),),
}
_MAY_REPEAT = "command"
"""A list of words in their order, below `notify`."""


def trap_issues(kind: str, document: LocatedYaml) -> Iterator[ConfigIssue]:
    r"""Check a file for what reads well and means something else.

    Args:
        kind: Kind of object.
        document: Its file, with its override.

    Yields:
        An item that a list has already; `<<`; a bare `yes`, `no`, `on` or `off` where true or false may be meant.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("estimator: {params: {shuffle: no}}\nfeatures: [weather.*, weather.*]", "models/late.yml")
    >>> [(each.where, each.got) for each in trap_issues("model", document)]
    [('estimator.params.shuffle', 'no, which is text here'), ('features[1]', "'weather.*' a second time")]
    """
    for path, place in document.places.items():
        value = document.value_at(path)
        if isinstance(value, list) and not (path[:1] == ("notify",) and path[-1] == _MAY_REPEAT):
            yield from _repeated(document, path, value)
        if path and path[-1] == "<<":
            remedy = "write the keys out: merging is no part of YAML 1.2"
            yield document.issue(path, "the key '<<'", "keys of this section", remedy, at_key=True)
        is_bare = isinstance(value, str) and place.written == value and not place.has_variable
        if is_bare and any(path[: len(each)] == each for each in _SWITCHED.get(kind, ())):
            remedy = f"write true or false, or '{value}' in quotes if the text is meant"
            yield document.issue(path, f"{value}, which is text here", "true, false, or text in quotes", remedy)


def _repeated(document: LocatedYaml, path: KeyPath, items: Sequence[Any]) -> Iterator[ConfigIssue]:
    seen: set[tuple[type, Any]] = set()
    for index, item in enumerate(items):
        if not isinstance(item, str | int | float):
            continue
        here = (*path, index)
        if (type(item), item) in seen:
            yield document.issue(here, f"{document.shown_at(here)} a second time", "each item once", "remove it")
        seen.add((type(item), item))
