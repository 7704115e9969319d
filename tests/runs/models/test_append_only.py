"""The promotions ledger only grows: whatever happens to a version, the rows before it stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from lakeloop import schemas
from lakeloop.errors import ConflictError
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import approve_version, archive_version, promote_version, roll_back
from lakeloop.runs.promotions import HELD, REJECTED
from lakeloop.statuses import LedgerEvent, Outcome
from tests.runs.models.ledgers import MODEL, day, judge

ADA = Asked("ada", "bias in New York")

STEPS: list[tuple[LedgerEvent, Callable[[Context], Any]]] = [
    (LedgerEvent.GATE, lambda now: judge(now, "1")),
    (LedgerEvent.GATE, lambda now: judge(now, "2", HELD, unacknowledged=["latency"])),
    (LedgerEvent.APPROVE, lambda now: approve_version(now, MODEL, "2", ADA, ["latency"])),
    (LedgerEvent.GATE, lambda now: judge(now, "3", REJECTED)),
    (LedgerEvent.PROMOTE, lambda now: promote_version(now, MODEL, "3", ADA, despite_gate=True)),
    (LedgerEvent.ROLLBACK, lambda now: roll_back(now, MODEL, ADA)),
    (LedgerEvent.ARCHIVE, lambda now: archive_version(now, MODEL, "3", ADA)),
]
"""Every kind of event, each on a day of its own."""


def read_rows(context: Context) -> list[dict[str, Any]]:
    """Every column of the ledger as it lies there, in the order of the events."""
    path = context.lake.own(schemas.PROMOTIONS).path
    rows: list[dict[str, Any]] = DeltaTable(path).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: row["ledger_seq"])


def test_every_kind_of_event_leaves_the_rows_before_it_as_they_were(context: Context) -> None:
    before: list[dict[str, Any]] = []
    for number, (event, step) in enumerate(STEPS, 1):
        step(context.at(day(number)))
        after = read_rows(context)
        assert after[:-1] == before
        assert (after[-1]["event"], after[-1]["ledger_seq"]) == (event.value, number)
        before = after
    assert {row["event"] for row in before} == {each.value for each in LedgerEvent}
    now = context.at(day(len(STEPS)))
    assert archive_version(now, MODEL, "3", ADA).outcome is Outcome.SKIPPED
    with pytest.raises(ConflictError, match="it was archived"):
        promote_version(now, MODEL, "3", ADA, despite_gate=True)
    assert read_rows(context) == before  # what is repeated or refused adds none either


def test_delta_itself_refuses_to_take_a_row_away(context: Context) -> None:
    judge(context.at(day(1)), "1")
    judge(context.at(day(2)), "2")
    before, table = read_rows(context), DeltaTable(context.lake.own(schemas.PROMOTIONS).path)
    with pytest.raises(CommitFailedError, match="append-only"):
        table.delete("model_version = '1'")
    with pytest.raises(CommitFailedError, match="append-only"):
        table.update({"outcome": "'rejected'"}, predicate="model_version = '2'")
    assert read_rows(context) == before
    table.optimize.compact()
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert read_rows(context) == before  # maintenance goes on
    judge(context.at(day(3)), "3")
    assert read_rows(context)[:-1] == before
