"""Checks of a `read` section that need the file: secrets are written as environment variables only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lakeloop.config.located_yaml import KeyPath, LocatedYaml
from lakeloop.config.mistakes import listed
from lakeloop.config.read import PASSWORD, SECRET_NAME, ReadKind
from lakeloop.config.source import Source
from lakeloop.config.variables import OF_A_SCOPE
from lakeloop.errors import ConfigIssue

_VARIABLE = re.compile(rf"(?<!\$)\$\{{(?:\w+(?::-)?|{OF_A_SCOPE})\}}")
_DEFAULT = re.compile(r"(?<!\$)\$\{\w+:-[^{}]+\}")

_TAKEN: dict[str, tuple[str, ...]] = {
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
    for path in (*secrets, *(each for each in options if _is_secret(each[1], read.options[each[1]]))):
        here: KeyPath = ("read", *path)
        if not is_elsewhere(document, here, whole=path in secrets):
            got, name = "(hidden), in the file itself", path[-1]
            yield document.issue(here, got, "an environment variable", f"write {name}: ${{NAME}}")
    url: KeyPath = ("read", "jdbc")
    if PASSWORD.search((url in document.places and document.places[url].written) or ""):
        got, remedy = "(hidden), a password in the URL", "declare user and password beside it"
        yield document.issue(url, got, "a URL without a password", remedy)
    for path in options:
        if path[1].lower() in _TAKEN.get(read.word, ()):
            allowed = f"options other than {listed(_TAKEN[read.word])}"
            remedy = "remove it: lakeloop sets it, from the keys beside `options` where they are declared"
            yield document.issue(("read", *path), f"the option {path[1]!r}", allowed, remedy, at_key=True)


def _is_secret(name: str, value: bool | int | str) -> bool:
    return bool(SECRET_NAME.search(name)) or (isinstance(value, str) and bool(PASSWORD.search(value)))


def is_elsewhere(document: LocatedYaml, path: KeyPath, *, whole: bool) -> bool:
    r"""Tell whether a secret is written by a variable, without a default that would hold it.

    Args:
        document: The file.
        path: Where the secret is written.
        whole: Whether it must be nothing but a variable, and not only have one in it.

    Returns:
        Whether the file itself does not hold it.

    >>> from lakeloop.config.located_yaml import parse_yaml
    >>> document = parse_yaml("a: ${KEY}\nb: x${KEY}\nc: ${KEY:-hunter22}", "x.yml", {"KEY": "7"})
    >>> [is_elsewhere(document, (name,), whole=name != "b") for name in "abc"]
    [True, True, False]
    """
    place = document.places.get(path)
    written = (place.written if place is not None else None) or ""
    if whole:
        return bool(_VARIABLE.fullmatch(written.strip()))
    return bool(_VARIABLE.search(written)) and not _DEFAULT.search(written)
