"""Rows of the promotions ledger, each written by compare-and-set: a place in a model's ledger is taken once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lakeloop import schemas
from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.promotions import Promotion, find_champion, read_whole_ledger
from lakeloop.tables import WriteIdentity

JOB = "promotions"
_PROMOTION_ID = "promotion_id"


def record_event(context: Context, row: Mapping[str, Any], after: Sequence[Promotion]) -> None:
    """Append an event to a model's ledger, unless somebody has appended another one since it was read.

    The place in the ledger is the write's identity, whoever writes: of two writers that read the same ledger, Delta
    lets one in, on a shared storage too.

    Args:
        context: Project, lake and logical now.
        row: The event; its place and the wall clock are added.
        after: The model's whole ledger, as it was read before the event was decided on.

    Raises:
        ConflictError: If another event has taken the place.

    >>> from lakeloop.runs.promotions import read_whole_ledger
    >>> newest = context.lake.own_rows(schemas.PROMOTIONS, context.as_of)[-1]
    >>> try:
    ...     record_event(context, newest | {"promotion_id": "another"}, read_whole_ledger(context, "late")[:1])
    ... except ConflictError as error:
    ...     print(error)
    model late: conflicts with what is recorded
      - ledger: version 2 was promoted by gate as of 2024-02-04T00:00:00Z meanwhile; champion is version 2
      remedy: read `lakeloop models history late`, then decide again
    """
    model, seq = row["model"], next_seq(after)
    written = context.lake.append_own(
        schemas.PROMOTIONS,
        [{**row, "ledger_seq": seq, "recorded_ts": datetime.now(UTC)}],
        WriteIdentity(JOB, f"{model} {seq}"),
        notes={_PROMOTION_ID: row[_PROMOTION_ID]},
    )
    if written.notes.get(_PROMOTION_ID) != row[_PROMOTION_ID]:
        raise overtaken(model, read_whole_ledger(context, model))


def next_seq(ledger: Sequence[Promotion]) -> int:
    """Tell the place of the next event.

    >>> next_seq([]), next_seq(read_whole_ledger(context, "late"))
    (1, 3)
    """
    return max((each.seq for each in ledger), default=0) + 1


def overtaken(model: str, ledger: Sequence[Promotion]) -> ConflictError:
    """Say that somebody else has changed a model's ledger meanwhile.

    Args:
        model: The model.
        ledger: Its ledger now; not empty.

    Returns:
        The error: who is champion now, by whom, and what to do.

    >>> print(overtaken("late", read_whole_ledger(context, "late")).failures[0])
    ledger: version 2 was promoted by gate as of 2024-02-04T00:00:00Z meanwhile; champion is version 2
    """
    champion = find_champion(ledger)
    now = f"champion is version {champion.version}" if champion is not None else "nobody is champion"
    return ConflictError(
        f"model {model}",
        [Failure("ledger", f"{describe_event(ledger[-1])} meanwhile; {now}")],
        f"read `lakeloop models history {model}`, then decide again",
    )


def describe_event(event: Promotion) -> str:
    """Say of an event what was done, by whom and when.

    >>> describe_event(read_whole_ledger(context, "late")[0])
    'version 1 was promoted by gate as of 2024-01-25T00:00:00Z'
    """
    done = {"gate": event.outcome, "promote": "promoted", "approve": "approved", "rollback": "rolled back to"}
    did = done.get(event.event.value, event.outcome)
    return f"version {event.version} was {did} by {event.actor} as of {instant_text(event.as_of)}"
