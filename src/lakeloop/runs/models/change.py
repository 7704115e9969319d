"""A change that a person makes to a model: who asks, on what ledger, and the row that records it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lakeloop.errors import ConflictError, Failure, UsageError
from lakeloop.registry import CHAMPION
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.integrity import assert_intact
from lakeloop.runs.ledger import record_heads
from lakeloop.runs.models.facts import VersionFacts, read_facts
from lakeloop.runs.models.states import assert_declared
from lakeloop.runs.order import MODELS, refuse_earlier
from lakeloop.runs.promotion_events import describe_event, next_seq, overtaken, record_event
from lakeloop.runs.promotions import (
    ARCHIVED,
    PROMOTED,
    Promotion,
    find_champion,
    list_reigns,
    read_whole_ledger,
)
from lakeloop.statuses import LedgerEvent, Outcome
from lakeloop.tables import identity_hash


@dataclass(frozen=True)
class Asked:
    """Who asks for an event, and why.

    Attributes:
        actor: Who.
        reason: Why; not blank.
        expect: Champion without whom nothing is done; None for whoever it is when the call begins.

    >>> Asked("ada", " ")
    Traceback (most recent call last):
    ...
    lakeloop.errors.UsageError: --reason: got nothing; allowed: a sentence; remedy: say why: the ledger keeps it
    """

    actor: str
    reason: str
    expect: str | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise UsageError("--reason", "nothing", "a sentence", "say why: the ledger keeps it")
        if not self.actor.strip():
            raise UsageError("--by", "nothing", "a name", "say who: the ledger keeps it")


@dataclass(frozen=True)
class ChangeResult:
    """What an event did.

    Attributes:
        model: The model.
        event: promote, approve, rollback or archive.
        version: The version it is about.
        champion: Who is champion after it.
        before: Who was champion before it.
        previous: Who a rollback goes to now.
        as_of: Its logical now, ISO, UTC: it is in force for later turns.
        actor: Who did it.
        reason: Why.
        outcome: WRITTEN, or SKIPPED when it was done already.
    """

    model: str
    event: LedgerEvent
    version: str
    champion: str | None
    before: str | None
    previous: str | None
    as_of: str
    actor: str
    reason: str
    outcome: Outcome


@dataclass(frozen=True)
class Change:
    """An event in the making; the workspace is held.

    Attributes:
        context: Project, lake and logical now.
        name: The model.
        asked: Who asks, and why.
        told: The champion that the caller knows of.
        ledger: The model's whole ledger.

    >>> with changing(context, "late", Asked("ada", "it is better")) as change:
    ...     change.champion.version, change.told, change.facts("1").training_set_id == change.ledger[0].training_set_id
    ('2', '2', True)
    """

    context: Context
    name: str
    asked: Asked
    told: str | None
    ledger: list[Promotion] = field(default_factory=list)

    @property
    def champion(self) -> Promotion | None:
        """The event that made who is champion."""
        return find_champion(self.ledger)

    def facts(self, version: str) -> VersionFacts:
        """Gather what is known of a version."""
        return read_facts(self.context, self.name, version, self.ledger)

    def refuse(self, version: str, what: str, found: str, remedy: str) -> ConflictError:
        """Make the error that refuses an event of a version.

        Args:
            version: The version.
            what: What stands against it, in a word.
            found: What was found.
            remedy: What to do.

        Returns:
            The error.
        """
        return ConflictError(f"model {self.name} version {version}", [Failure(what, found)], remedy)

    def is_repeated(self, version: str | None) -> bool:
        """Whether the newest rollback is the one that is asked for: it was stopped, or nothing else would be done."""
        champion = self.champion
        if champion is None:
            return False
        if version is not None or self.asked.expect is not None:
            return version in (None, champion.version) and self.asked.expect in (None, champion.previous_version)
        return self.context.registry.alias(self.name, CHAMPION) != champion.version

    def assert_not_overtaken(self) -> None:
        """Refuse to act on another champion than the one the caller knows of."""
        now = self.champion.version if self.champion is not None else None
        if now == self.told:
            return
        if self.asked.expect is None:
            raise overtaken(self.name, self.ledger)
        by = f": {describe_event(self.champion)}" if self.champion is not None else ""
        raise ConflictError(
            f"model {self.name}",
            [Failure("champion", f"version {self.asked.expect} was expected, it is version {now or '-'}{by}")],
            f"read `lakeloop models history {self.name}`, then decide again",
        )

    def leave(self, event: LedgerEvent, done: Promotion) -> ChangeResult:
        """Finish what an earlier call may have left undone.

        Args:
            event: What was asked for.
            done: The event that did it.

        Returns:
            The result of a call that adds nothing.
        """
        reconcile_aliases(self.context, self.name)
        return self._result(event, done.version, done.previous_version, done, Outcome.SKIPPED)

    def record(self, event: LedgerEvent, facts: VersionFacts, evidence: Mapping[str, Any]) -> ChangeResult:
        """Append the event; aliases and flags follow it.

        Args:
            event: What is done.
            facts: What is known of the version.
            evidence: What the person stood on, besides the gate's judgement.

        Returns:
            The result.
        """
        before = self.champion.version if self.champion is not None else None
        seq, turn = next_seq(self.ledger), self.context.turn
        outcome = ARCHIVED if event is LedgerEvent.ARCHIVE else PROMOTED
        stood_on = {"gate": facts.judgement, "gate_outcome": facts.gate_outcome, **evidence}
        row = {
            "promotion_id": identity_hash(
                self.name, seq, event.value, facts.version, self.asked.actor, self.asked.reason, turn
            ),
            "model": self.name,
            "model_version": facts.version,
            "event": event.value,
            "outcome": outcome.value,
            "actor": self.asked.actor,
            "reason": self.asked.reason,
            "previous_version": before,
            "training_set_id": facts.training_set_id,
            "run_key": facts.run_key,
            "trained_through": facts.trained_through,
            "reasons": [f"{event.value} by {self.asked.actor}: {self.asked.reason}"],
            "evidence": json.dumps(stood_on, sort_keys=True),
            "as_of": self.context.as_of,
        }
        record_event(self.context, row, self.ledger)
        reconcile_aliases(self.context, self.name)
        record_heads(self.context)
        self.ledger[:] = read_whole_ledger(self.context, self.name)
        return self._result(event, facts.version, before, self.ledger[-1], Outcome.WRITTEN)

    def _result(
        self, event: LedgerEvent, version: str, before: str | None, row: Promotion, outcome: Outcome
    ) -> ChangeResult:
        reigns = list_reigns(self.ledger)
        return ChangeResult(
            self.name,
            event,
            version,
            reigns[-1] if reigns else None,
            before,
            reigns[-2] if len(reigns) > 1 else None,
            instant_text(row.as_of),
            row.actor,
            row.reason or "",
            outcome,
        )


@contextmanager
def changing(context: Context, name: str, asked: Asked) -> Iterator[Change]:
    """Note who is champion, wait for the workspace, and refuse what may not be added to the ledger.

    Args:
        context: Project, lake and logical now.
        name: The model.
        asked: Who asks, and why.

    Yields:
        The event in the making.

    Raises:
        UsageError: If the model is not declared.
        ConflictError: If a later event is in the ledger, later turns have scored, or a table was changed by something
            else.

    >>> from datetime import timedelta
    >>> try:
    ...     with changing(context.at(context.as_of - timedelta(days=1)), "late", Asked("ada", "it is better")):
    ...         pass
    ... except ConflictError as error:
    ...     print(error.failures[0])
    order: `run` was done as of 2024-02-04T00:00:00Z
    """
    assert_declared(context, name)
    known = find_champion(read_whole_ledger(context, name))
    told = asked.expect or (known.version if known is not None else None)
    with context.lake.writing():
        assert_intact(context)
        refuse_earlier(context, MODELS, name)
        ledger = read_whole_ledger(context, name)
        if ledger and ledger[-1].as_of > context.as_of:
            raise ConflictError(
                f"model {name} as of {context.turn}",
                [Failure("ledger", describe_event(ledger[-1]))],
                f"go forward: name {instant_text(ledger[-1].as_of)} or a later --as-of",
            )
        yield Change(context, name, asked, told, ledger)
