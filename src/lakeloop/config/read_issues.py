"""Checks of a `read` section that need the file: secrets are written as environment variables only."""

from __future__ import annotations

from collections.abc import Iterator

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed
from lakeloop.config.read import SECRET_NAME, ReadKind
from lakeloop.config.source import Source
from lakeloop.errors import ConfigIssue

_TAKEN = {
    ReadKind.JDBC: ("url", "dbtable", "query", "user", "password"),
    ReadKind.STREAM: ("checkpointlocation",),
}


def read_issues(document: LocatedYaml, source: Source) -> Iterator[ConfigIssue]:
    """Check a `read` section for secrets that stand in the file, and options that lakeloop sets itself.

    Args:
        document: The source's file.
        source: The source.

    Yields:
        The mistakes; none shows the secret.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> text = "read: {jdbc: 'jdbc:derby:shop', table: orders, watermark: seen_at, user: me, password: hunter22}"
    >>> document = parse_yaml(text, "sources/orders.yml")
    >>> declared = {"source": "orders", "columns": {"order": {"type": "long"}}, "key": ["order"], **document.data}
    >>> source = Source.model_validate(declared | {"event_ts": "timestamp_seconds(order)", "available_ts": "event_ts"})
    >>> [(each.where, each.got, each.remedy) for each in read_issues(document, source)]
    [('read.password', '(hidden), in the file itself', 'write password: ${NAME}')]
    """
    read = source.read
    if read is None:
        return
    secrets = [("password",)] if read.password is not None else []
    options = [("options", name) for name in read.options]
    for path in (*secrets, *(each for each in options if SECRET_NAME.search(each[1]))):
        here: KeyPath = ("read", *path)
        place = document.places.get(here)
        if place is None or not place.has_variable:
            got, name = "(hidden), in the file itself", path[-1]
            yield document.issue(here, got, "an environment variable", f"write {name}: ${{NAME}}")
    for path in options:
        if path[1].lower() in _TAKEN.get(read.kind, ()):
            allowed = f"options other than {listed(_TAKEN[read.kind])}"
            remedy = "remove it: lakeloop sets it, from the keys beside `options` where they are declared"
            yield document.issue(("read", *path), f"the option {path[1]!r}", allowed, remedy, at_key=True)
