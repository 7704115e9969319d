"""What the promotions ledger says of models and their versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from lakeloop import schemas
from lakeloop.errors import UsageError
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.order import FLOW, RUN
from lakeloop.runs.promotion_events import describe_event
from lakeloop.runs.promotions import (
    ARCHIVED,
    HELD,
    PROMOTED,
    Promotion,
    find_challenger,
    find_champion,
    list_reigns,
    read_promotions,
)
from lakeloop.statuses import LedgerEvent, VersionState


@dataclass(frozen=True)
class ModelState:
    """A model in one line.

    Attributes:
        model: The model.
        champion: Version that answers; None without one.
        since: `as_of` of the event that made it champion, ISO, UTC; it is in force for later turns.
        previous: Version that a rollback goes to.
        challenger: Newest judged version, where it did not become champion.
        waits: Whether the challenger waits for an approval.
        versions: Versions in the ledger.
        last_event: What was done last, by whom and when.
    """

    model: str
    champion: str | None
    since: str | None
    previous: str | None
    challenger: str | None
    waits: bool
    versions: int
    last_event: str | None


@dataclass(frozen=True)
class LedgerEntry:
    """A row of the ledger, for a person.

    Attributes:
        seq: Place in the model's ledger.
        event: gate, promote, approve, rollback or archive.
        version: The version it is about.
        outcome: promoted, rejected, held or archived.
        previous_version: Champion before.
        actor: Who or what did it.
        reason: Why, as the person said; of the gate its first reasons.
        as_of: Logical now, ISO, UTC.
        recorded_ts: Wall clock, ISO, UTC.
    """

    seq: int
    event: str
    version: str
    outcome: str
    previous_version: str | None
    actor: str
    reason: str
    as_of: str
    recorded_ts: str | None


@dataclass(frozen=True)
class History:
    """The ledger of a model, oldest first."""

    model: str
    events: tuple[LedgerEntry, ...]


def latest_instant(context: Context) -> datetime:
    """Tell the logical now of a person's event who names none: that of the newest turn or event that is recorded.

    So it is in force from the next turn on, whatever instant that is of.

    Args:
        context: Project and lake.

    Returns:
        The instant, aware, UTC; the logical now of the context where nothing is recorded.

    >>> latest_instant(context.at(datetime(2024, 3, 1, tzinfo=UTC))).isoformat()
    '2024-02-04T00:00:00+00:00'
    """
    turns = (RUN, *FLOW[FLOW.index("score") :])  # what ingests or reports makes no turn
    found = [row["as_of"] for row in context.lake.own_rows(schemas.RUNS, None) if row["job"] in turns]
    found += [row["as_of"] for row in context.lake.own_rows(schemas.PROMOTIONS, None)]
    return max(found, default=context.as_of).astimezone(UTC)


def assert_declared(context: Context, name: str) -> None:
    """Refuse the name of a model that the project does not declare.

    Raises:
        UsageError: With the names there are.

    >>> try:
    ...     assert_declared(context, "lat")
    ... except UsageError as error:
    ...     print(error)
    NAME: got 'lat'; allowed: late; remedy: did you mean 'late'?
    """
    known = tuple(context.config.models)
    if name in known:
        return
    close = get_close_matches(name, known, 1)
    remedy = f"did you mean {close[0]!r}?" if close else "name one of these"
    raise UsageError("NAME", repr(name), ", ".join(known) or "none is declared", remedy)


def list_models(context: Context) -> tuple[ModelState, ...]:
    """Tell of every model who is champion, as of the logical now; the registry is not asked.

    Args:
        context: Project, lake and logical now.

    Returns:
        One entry per declared model.

    >>> (late,) = list_models(context)
    >>> late.champion, late.since, late.previous, late.challenger, late.versions
    ('2', '2024-02-04T00:00:00Z', '1', None, 2)
    """
    return tuple(_state_of(name, read_promotions(context, name)) for name in context.config.models)


def _state_of(model: str, ledger: Sequence[Promotion]) -> ModelState:
    champion, challenger, reigns = find_champion(ledger), find_challenger(ledger), list_reigns(ledger)
    return ModelState(
        model,
        champion.version if champion is not None else None,
        instant_text(champion.as_of) if champion is not None else None,
        reigns[-2] if len(reigns) > 1 else None,
        challenger.version if challenger is not None else None,
        challenger is not None and challenger.outcome == HELD,
        len({each.version for each in ledger}),
        describe_event(ledger[-1]) if ledger else None,
    )


def read_history(context: Context, name: str) -> History:
    """Tell what was done to a model's versions, by whom, when and why, as of the logical now.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        The ledger in order.

    Raises:
        UsageError: If the model is not declared.

    >>> [(each.seq, each.event, each.version, each.actor) for each in read_history(context, "late").events]
    [(1, 'gate', '1', 'gate'), (2, 'gate', '2', 'gate')]
    """
    assert_declared(context, name)
    return History(name, tuple(_entry(each) for each in read_promotions(context, name)))


def _entry(event: Promotion) -> LedgerEntry:
    return LedgerEntry(
        event.seq,
        event.event.value,
        event.version,
        event.outcome,
        event.previous_version,
        event.actor,
        event.reason or "; ".join(event.reasons),
        instant_text(event.as_of),
        instant_text(event.recorded_ts) if event.recorded_ts is not None else None,
    )


def state_of(ledger: Sequence[Promotion], version: str) -> VersionState:
    """Tell what a ledger says of a version.

    Args:
        ledger: The ledger of one model, oldest first.
        version: The version.

    Returns:
        Its state.

    >>> ledger = read_promotions(context, "late")
    >>> [state_of(ledger, version).value for version in "123"]
    ['PREVIOUS', 'CHAMPION', 'UNJUDGED']
    """
    own = [each for each in ledger if each.version == version]
    if not own:
        return VersionState.UNJUDGED
    reigns, challenger = list_reigns(ledger), find_challenger(ledger)
    if reigns[-1:] == (version,):
        return VersionState.CHAMPION
    if own[-1].outcome == ARCHIVED:
        return VersionState.ARCHIVED
    if reigns[-2:-1] == (version,):
        return VersionState.PREVIOUS
    if any(each.outcome == PROMOTED for each in own):
        return VersionState.RETIRED
    if any(each.event is LedgerEvent.GATE and each.outcome == HELD for each in own):
        is_newest = challenger is not None and challenger.version == version
        return VersionState.HELD if is_newest else VersionState.SUPERSEDED
    return VersionState.REJECTED
