"""Exit codes, exceptions and statuses as Markdown, written from `lakeloop.errors` and `lakeloop.statuses`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from docs.site.tables import one_line, summary, write_table
from lakeloop import errors, statuses
from lakeloop.errors import EXIT_CODES, LakeloopError


def list_errors() -> Iterator[type[LakeloopError]]:
    """Give every error that the command line can end with, in the order of their codes.

    >>> [each.__name__ for each in list_errors()][:2]
    ['LakeloopError', 'DistributionError']
    """
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, LakeloopError)]
    yield from sorted((each for each in found if not each.__name__.startswith("_")), key=lambda each: each.exit_code)


def list_statuses() -> Iterator[type[StrEnum]]:
    """Give every closed set of words, in the order of the file.

    >>> next(list_statuses()).__name__
    'Severity'
    """
    for each in vars(statuses).values():
        if isinstance(each, type) and issubclass(each, StrEnum) and each is not StrEnum:
            yield each


def render_errors() -> str:
    """Write the page of exit codes and exceptions.

    >>> "`ConfigError`" in render_errors()
    True
    """
    codes = write_table(("exit code", "meaning"), [(str(code), one_line(text)) for code, text in EXIT_CODES.items()])
    rows = [
        (f"`{each.__name__}`", str(each.exit_code), "yes" if each.retryable else "no", summary(each.__doc__))
        for each in list_errors()
    ]
    table = write_table(("exception", "exit code", "may a retry help", "meaning"), rows)
    return f"{codes}\n\n## Exceptions\n\nAll stand in `lakeloop.errors`.\n\n{table}"


def render_statuses() -> str:
    """Write the page of statuses.

    >>> "## LookupStatus" in render_statuses()
    True
    """
    parts = ["The closed sets of words that tables, decisions and reports use. Missing is a word of its own."]
    for each in list_statuses():
        parts += [f"## {each.__name__}", summary(each.__doc__), ", ".join(f"`{word.value}`" for word in each)]
    return "\n\n".join(parts)
