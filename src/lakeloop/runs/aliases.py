"""The registry's aliases: a cache of the promotions ledger, set right from it at the start of every job."""

from __future__ import annotations

from lakeloop.errors import ConflictError
from lakeloop.registry import CHALLENGER, CHAMPION, PREVIOUS
from lakeloop.runs.announcements import announce_promotion
from lakeloop.runs.context import Context
from lakeloop.runs.flags import close_flags, supersede_flags
from lakeloop.runs.promotions import (
    Promotion,
    find_challenger,
    find_champion,
    list_reigns,
    read_whole_ledger,
)
from lakeloop.statuses import LedgerEvent


def reconcile_aliases(context: Context, model: str) -> None:
    """Let aliases and flags follow the whole ledger, and finish what an event left undone.

    An alias of which the ledger says nobody is taken away. `champion` is set last: as long as it lags behind, the
    newest event is not finished.

    Args:
        context: Project, lake and logical now.
        model: The model.

    Raises:
        ConflictError: If the registry does not hold the champion the ledger names.

    >>> reconcile_aliases(context, "late")
    >>> [context.registry.alias("late", each) for each in (CHAMPION, PREVIOUS, CHALLENGER)]
    ['2', '1', None]
    """
    ledger, registry = read_whole_ledger(context, model), context.registry
    champion, challenger = find_champion(ledger), find_challenger(ledger)
    if ledger and ledger[-1].event is LedgerEvent.GATE:  # what asked for the newest training is answered by it
        newest = ledger[-1]
        close_flags(context.at(newest.as_of), model, newest.version, newest.outcome, newest.actor)
    if champion is not None:
        registry.get_version(model, champion.version, champion.run_key)
        if champion.event is not LedgerEvent.GATE:
            supersede_flags(context.at(champion.as_of), model, champion.version, champion.seq)
    previous = _newest_of(ledger, list_reigns(ledger)[-2:-1])
    registry.set_alias(model, CHALLENGER, _if_there(context, challenger))
    registry.set_alias(model, PREVIOUS, _if_there(context, previous))
    registry.set_alias(model, CHAMPION, champion.version if champion is not None else None)
    if ledger:
        announce_promotion(context, ledger[-1])


def _newest_of(ledger: list[Promotion], versions: tuple[str, ...]) -> Promotion | None:
    return next((each for each in reversed(ledger) if each.version in versions), None)


def _if_there(context: Context, named: Promotion | None) -> str | None:
    """Give the version where the registry has it: one that does not serve may have been deleted."""
    if named is None:
        return None
    try:
        return context.registry.get_version(named.model, named.version, named.run_key).version
    except ConflictError:
        return None
