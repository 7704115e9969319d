"""Checks the expressions of a source that stand on one another: derived columns, `event_ts` and `available_ts`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lakeloop.config.expressions import expression_columns, expression_issues
from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.source import Source
from lakeloop.errors import ConfigIssue


def derivation_issues(document: LocatedYaml, source: Source) -> Iterator[ConfigIssue]:
    """Check that every expression stands on columns made before it.

    Args:
        document: The source's file.
        source: The source.

    Yields:
        Circles, each once; derived columns that stand below their use; columns that do not exist.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = '''source: orders
    ... landing: {path: landing/orders}
    ... columns: {due: {type: string}}
    ... derive:
    ...   paid_ts: {as: due_ts - interval 1 day, type: timestamp}
    ...   due_ts: {as: cast(due as timestamp), type: timestamp}
    ... key: [due]
    ... event_ts: due_ts
    ... available_ts: paid_ts'''
    >>> document = parse_yaml(text, "sources/orders.yml")
    >>> for issue in derivation_issues(document, Source.model_validate(document.data)):
    ...     print(issue)
    sources/orders.yml:5: derive.paid_ts.as
        got:     'due_ts', which is derived below it
        allowed: landed columns, and derived columns above it
        remedy:  move due_ts above paid_ts
    """
    of = f"source {source.source}"
    texts = {name: derived.as_ for name, derived in source.derive.items()}
    texts |= {"event_ts": source.event_ts, "available_ts": source.available_ts}
    needs = {name: _needs(text, texts) for name, text in texts.items()}
    circles = find_circles(needs)
    for circle in circles:
        got = f"a circle: {' -> '.join([*circle, circle[0]])}"
        allowed = f"columns of {of} that do not stand on {circle[0]} themselves"
        remedy = f"break the circle: make {circle[0]} of landed columns"
        yield document.issue(_place(circle[0], source), got, allowed, remedy)
    above = list(source.columns)
    for name, text in texts.items():
        path = _place(name, source)
        told = {each for circle in circles if name in circle for each in circle}
        known = list(above) if name in source.derive else list(source.all_columns)
        if name == "available_ts":
            known.append("event_ts")
        for below in [each for each in needs[name] if each in source.derive and each not in {*known, *told}]:
            allowed = "landed columns, and derived columns above it"
            yield document.issue(path, f"{below!r}, which is derived below it", allowed, f"move {below} above {name}")
            told.add(below)
        known += [each for each in texts if each in told and each not in known]
        where = f"{of} above it" if name in source.derive else of
        yield from expression_issues(document, path, text, known, where)
        if name in source.derive:
            above.append(name)


def find_circles(needs: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Find the circles among names that stand on one another.

    Args:
        needs: Name -> names it stands on, all of them keys too.

    Returns:
        One shortest circle for each group of names that stand on one another, from its first name on.

    >>> find_circles({"a": ["b"], "b": ["a", "c"], "c": []})
    [('a', 'b')]
    """
    circles: list[tuple[str, ...]] = []
    for start in needs:
        if any(start in circle for circle in circles):
            continue
        paths: list[tuple[str, ...]] = [(start,)]
        seen: set[str] = set()
        while paths:
            path = paths.pop(0)
            if start in needs[path[-1]]:
                circles.append(path)
                break
            onward = [each for each in needs[path[-1]] if each not in seen]
            seen.update(onward)
            paths += [(*path, each) for each in onward]
    return circles


def _needs(text: str, among: Mapping[str, str]) -> list[str]:
    try:
        named = [name.lower() for name in expression_columns(text)]
    except ValueError:
        return []  # told with the expression itself
    return [name for name in named if name in among]


def _place(name: str, source: Source) -> KeyPath:
    return ("derive", name, "as") if name in source.derive else (name,)
