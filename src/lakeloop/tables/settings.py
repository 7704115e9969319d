"""The properties every table is created with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

OWN = "lakeloop."
"""How a property begins that says what lakeloop knows of a table."""

FORMAT_PROPERTY = f"{OWN}format"
"""The property that says in which format a table is written."""

FORMAT = 1
"""The format that this release writes; `formats` says how tables of earlier ones come to it."""

_DELTA = "delta."

APPEND_ONLY = {f"{_DELTA}appendOnly": "true"}
"""Has Delta refuse to change a row or to take one away, whoever asks; compaction and VACUUM go on."""


def retention_settings(retention: timedelta) -> dict[str, str]:
    """Give the properties that say how long a table keeps its versions: their log entries and the files they hold.

    Writers leave the log alone. What they would clean up by themselves, when they write a checkpoint, is all that is
    older than the retention, also what a younger training set pins.

    Args:
        retention: How long versions stay readable; a part of a day counts as a day, so that none is lost early.

    Returns:
        Table properties.

    >>> sorted(set(retention_settings(timedelta(hours=36)).values()))
    ['false', 'interval 2 days']
    """
    days = max(1, -(-retention // timedelta(days=1)))
    return {
        "delta.logRetentionDuration": f"interval {days} days",
        "delta.deletedFileRetentionDuration": f"interval {days} days",
        "delta.enableExpiredLogCleanup": "false",
    }


def plain_settings(retention: timedelta, properties: Mapping[str, str]) -> dict[str, str]:
    """Give the properties of a table that every Delta reader can read and whose versions are kept.

    Args:
        retention: How long versions stay readable: their log entries and the files they hold.
        properties: What else is to be said of the table: keys, time column, owner; or set, as `APPEND_ONLY`.

    Returns:
        Table properties; what lakeloop says of a table begins with `lakeloop.`.

    >>> settings = plain_settings(timedelta(days=30), {"owner": "ops"})
    >>> settings["delta.logRetentionDuration"], settings["lakeloop.owner"], "delta.appendOnly" in settings
    ('interval 30 days', 'ops', False)
    """
    return {
        # Plain reader features, set although they are the defaults here: other platforms may switch them on.
        "delta.enableDeletionVectors": "false",
        "delta.columnMapping.mode": "none",
        "delta.checkpointPolicy": "classic",
        **retention_settings(retention),
        FORMAT_PROPERTY: str(FORMAT),
        **{key if key.startswith(_DELTA) else f"{OWN}{key}": value for key, value in properties.items()},
    }
