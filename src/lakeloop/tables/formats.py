"""The format that tables are written in: which ones this release reads, and how an older one becomes the newest.

The format is one number for all tables of a workspace, in a property of each. It counts up when a release writes what
an earlier one would read wrongly: another meaning of a column, another place of something. New columns and new tables
are no new format: an earlier release leaves them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lakeloop.errors import Failure, NewerFormatError
from lakeloop.tables.settings import FORMAT, FORMAT_PROPERTY

Properties = Mapping[str, str]


@dataclass(frozen=True)
class Migration:
    """How tables of one format become tables of the next.

    Attributes:
        to: The format afterwards; the one before is a step lower.
        tells: What it changes, for people.
        change: Properties of a table before -> those it has afterwards. It reads and writes nothing.
    """

    to: int
    tells: str
    change: Callable[[Properties], Properties]


def _as_they_are(properties: Properties) -> Properties:
    return properties


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "tables carry their format; before it they carried none", _as_they_are),
)
"""Every step there was, in order; a workspace of any earlier release goes through those it has not been through."""


def read_format(properties: Properties) -> int | None:
    """Read the format of a table.

    Args:
        properties: All properties of the table.

    Returns:
        The format, 0 for a table that carries none; None where what it carries is no number.

    >>> [read_format(said) for said in ({}, {"lakeloop.format": "1"}, {"lakeloop.format": "next"})]
    [0, 1, None]
    """
    said = properties.get(FORMAT_PROPERTY, "")
    if not said:
        return 0
    return int(said) if said.isascii() and said.isdigit() else None


def assert_readable(table: str, properties: Properties) -> None:
    """Refuse a table that a newer lakeloop has written: what this one does not know of it would be read wrongly.

    Args:
        table: Its name.
        properties: All properties of the table.

    Raises:
        NewerFormatError: If its format is none that this release reads.

    >>> assert_readable("bronze.orders", {})
    >>> assert_readable("bronze.orders", {"lakeloop.format": "9"})
    Traceback (most recent call last):
    lakeloop.errors.NewerFormatError: bronze.orders: written by a newer lakeloop
      - format: it is 9; this release reads formats up to 1
      remedy: install the lakeloop that wrote it, or a newer one; nothing was changed
    """
    found = read_format(properties)
    if found is not None and found <= FORMAT:
        return
    got = properties[FORMAT_PROPERTY] if found is None else found
    raise NewerFormatError(
        table,
        [Failure("format", f"it is {got}; this release reads formats up to {FORMAT}")],
        "install the lakeloop that wrote it, or a newer one; nothing was changed",
    )


def pending(found: int) -> tuple[Migration, ...]:
    """Name the steps that a table still has to go through.

    Args:
        found: Its format.

    Returns:
        The steps, in order.

    >>> [each.to for each in pending(0)], pending(FORMAT)
    ([1], ())
    """
    return tuple(each for each in MIGRATIONS if each.to > found)


def migrate(properties: Properties) -> dict[str, str]:
    """Take the properties of a table through every step it has not been through.

    Args:
        properties: All properties of a table that `assert_readable` lets pass.

    Returns:
        Properties that are others afterwards, the format among them; nothing for a table of the newest format.

    >>> migrate({"lakeloop.owner": "ops"}), migrate({"lakeloop.format": "1"})
    ({'lakeloop.format': '1'}, {})
    """
    after = dict(properties)
    for step in pending(read_format(properties) or 0):
        after = {**step.change(after), FORMAT_PROPERTY: str(step.to)}
    return {name: said for name, said in after.items() if properties.get(name) != said}
