"""Events that a person adds to the promotions ledger: promote, approve, roll back, archive."""

from __future__ import annotations

import json
from collections.abc import Collection

from lakeloop.errors import Failure, NotReadyError, UsageError
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked, ChangeResult, changing
from lakeloop.runs.models.states import state_of
from lakeloop.runs.promotions import find_challenger, list_reigns
from lakeloop.statuses import LedgerEvent, VersionState


def promote_version(
    context: Context, name: str, version: str, asked: Asked, *, despite_gate: bool = False
) -> ChangeResult:
    """Make a version champion by hand.

    Args:
        context: Project, lake and logical now: the event is in force for turns after it.
        name: The model.
        version: The version.
        asked: Who asks, and why.
        despite_gate: Whether it may be a version that never passed the gate; it is recorded.

    Returns:
        What was done; a version that is champion already stays it.

    Raises:
        UsageError: If the model or the version is unknown.
        ConflictError: If the version was archived, has not passed the gate, or may not be loaded; if somebody else made
            another champion meanwhile; if later turns have been done.

    >>> promote_version(context, "late", "2", Asked("ada", "it is better")).outcome.value  # it is champion already
    'SKIPPED'
    """
    with changing(context, name, asked) as change:
        if change.champion is not None and change.champion.version == version:
            return change.leave(LedgerEvent.PROMOTE, change.champion)
        change.assert_not_overtaken()
        facts = change.facts(version)
        if state_of(change.ledger, version) is VersionState.ARCHIVED:
            raise change.refuse(version, "archived", "it was archived", "train a new version: `lakeloop train`")
        if not facts.has_passed and not despite_gate:
            waits = state_of(change.ledger, version) is VersionState.HELD
            found = "it waits for an approval" if waits else "it never passed the gate"
            remedy = f"read `lakeloop models show {name} --version {version}`; then "
            remedy += "`lakeloop models approve`" if waits else "promote it with --despite-gate, which is recorded"
            raise change.refuse(version, "gate", found, remedy)
        facts.assert_serves()
        return change.record(LedgerEvent.PROMOTE, facts, {"despite_gate": not facts.has_passed})


def approve_version(
    context: Context, name: str, version: str, asked: Asked, acknowledged: Collection[str] = ()
) -> ChangeResult:
    """Promote a version that the gate holds back until somebody approves it.

    Args:
        context: Project, lake and logical now: the event is in force for turns after it.
        name: The model.
        version: The version.
        asked: Who asks, and why.
        acknowledged: Checks whose blocking warnings may pass.

    Returns:
        What was done; the same approval again changes nothing.

    Raises:
        UsageError: If the model or the version is unknown, or a check is named that does not hold the version.
        ConflictError: If the version is not held, a newer one was judged, the champion it was compared with is another
            one now, or a blocking warning is not acknowledged.

    >>> from lakeloop.errors import ConflictError
    >>> try:
    ...     approve_version(context, "late", "1", Asked("ada", "it is good"))
    ... except ConflictError as error:
    ...     print(error.failures[0])
    state: it is PREVIOUS, not held
    """
    with changing(context, name, asked) as change:
        newest = change.champion
        if newest is not None and newest.version == version and newest.event is LedgerEvent.APPROVE:
            return change.leave(LedgerEvent.APPROVE, newest)
        change.assert_not_overtaken()
        facts = change.facts(version)
        state, challenger = state_of(change.ledger, version), find_challenger(change.ledger)
        if state is VersionState.SUPERSEDED:
            found = "a newer version was judged since it was held"
            raise change.refuse(version, "state", found, f"read `lakeloop models history {name}`")
        if state is not VersionState.HELD or challenger is None:
            remedy = f"`lakeloop models show {name}` tells every version's state"
            raise change.refuse(version, "state", f"it is {state.value}, not held", remedy)
        compared, now = challenger.previous_version, newest.version if newest is not None else None
        if compared != now:
            found = f"it was compared with version {compared or '-'}, champion is version {now or '-'}"
            remedy = "train again, or promote it with --despite-gate, which is recorded"
            raise change.refuse(version, "champion", found, remedy)
        holding = tuple(json.loads(challenger.evidence).get("unacknowledged") or ())
        for each in acknowledged:
            if each not in holding:
                allowed = ", ".join(holding) or "none: no warning holds this version"
                raise UsageError("--acknowledge", repr(each), allowed, "name checks whose warnings hold the version")
        open_checks = [each for each in holding if each not in acknowledged]
        if open_checks:
            remedy = "read them; then repeat with " + " ".join(f"--acknowledge {each}" for each in open_checks)
            raise change.refuse(version, "warnings", f"not acknowledged: {', '.join(open_checks)}", remedy)
        facts.assert_serves()
        return change.record(LedgerEvent.APPROVE, facts, {"acknowledged": sorted(acknowledged)})


def roll_back(context: Context, name: str, asked: Asked, version: str | None = None) -> ChangeResult:
    """Make an earlier champion champion again; nothing is trained.

    A rollback that was stopped before the alias followed is finished by the same call, not done twice.

    Args:
        context: Project, lake and logical now: the event is in force for turns after it.
        name: The model.
        asked: Who asks, and why.
        version: An earlier champion; `previous` without it.

    Returns:
        What was done.

    Raises:
        UsageError: If the model is unknown, or the version was no champion before this one.
        NotReadyError: If there is no earlier champion.
        ConflictError: If the version may not be loaded any more, somebody else made another champion meanwhile, or
            later turns have been done.

    >>> try:
    ...     roll_back(context, "late", Asked("ada", "it is worse"), "7")
    ... except UsageError as error:
    ...     print(error)
    --version: got '7'; allowed: 1; remedy: name an earlier champion; any other version is promoted, not rolled back to
    """
    with changing(context, name, asked) as change:
        champion, earlier = change.champion, list_reigns(change.ledger)[:-1]
        if champion is not None and champion.event is LedgerEvent.ROLLBACK and change.is_repeated(version):
            return change.leave(LedgerEvent.ROLLBACK, champion)
        change.assert_not_overtaken()
        if not earlier:
            found = "no version was champion before" if champion is not None else "nobody is champion"
            raise NotReadyError(
                f"model {name}", [Failure("previous", found)], "promote a version by hand: `lakeloop models promote`"
            )
        target = version or earlier[-1]
        if target not in earlier:
            remedy = "name an earlier champion; any other version is promoted, not rolled back to"
            raise UsageError("--version", repr(target), ", ".join(earlier), remedy)
        facts = change.facts(target)
        facts.assert_serves()
        return change.record(LedgerEvent.ROLLBACK, facts, {})


def archive_version(context: Context, name: str, version: str, asked: Asked) -> ChangeResult:
    """Put a version away for good: it is not promoted, approved or rolled back to any more. Its files stay.

    Args:
        context: Project, lake and logical now.
        name: The model.
        version: The version.
        asked: Who asks, and why.

    Returns:
        What was done; a version that is archived already stays so.

    Raises:
        UsageError: If the model or the version is unknown.
        ConflictError: If the version is champion.

    >>> from lakeloop.errors import ConflictError
    >>> try:
    ...     archive_version(context, "late", "2", Asked("ada", "it is old"))
    ... except ConflictError as error:
    ...     print(error.failures[0])
    champion: it is champion
    """
    with changing(context, name, asked) as change:
        state = state_of(change.ledger, version)
        if state is VersionState.ARCHIVED:
            row = next(each for each in reversed(change.ledger) if each.version == version)
            return change.leave(LedgerEvent.ARCHIVE, row)
        if state is VersionState.CHAMPION:
            remedy = "roll back, or promote another version first"
            raise change.refuse(version, "champion", "it is champion", remedy)
        return change.record(LedgerEvent.ARCHIVE, change.facts(version), {})
