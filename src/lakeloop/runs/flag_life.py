"""Flags at a decision: what is not seen any more ends, and what will be answered is claimed by one turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from lakeloop import schemas
from lakeloop.config.durations import write_duration
from lakeloop.config.model import Model
from lakeloop.decisions.flags import Flag, FlagRecord, has_expired
from lakeloop.runs.alarms import Subject, find_last_seen, is_watched
from lakeloop.runs.context import Context
from lakeloop.runs.flags import JOB, flag_row, read_flags
from lakeloop.statuses import FlagEvent
from lakeloop.tables import WriteIdentity

_BEYOND_PERSISTENCE = 3
"""Windows that a flag stands without a sign of its alarm, beyond those that the persistence rule looks at."""


def find_life(model: Model) -> timedelta:
    """Tell how long a flag of a model stands without a sign of its alarm.

    Args:
        model: The model's declaration.

    Returns:
        The declared number of windows, or three more than the persistence rule looks at.

    >>> find_life(shops.models["late"]).days  # windows of three days, persistence 1 of 1
    12
    """
    declared, persistence = model.decide.flag_life, model.monitor.persistence
    windows = declared.count if declared is not None else persistence.windows + _BEYOND_PERSISTENCE
    return windows * model.monitor.window


def find_ended(context: Context, model: Model, version: str) -> list[tuple[Flag, FlagEvent, dict[str, str]]]:
    """Find the open flags of a version that ask for nothing any more, though nobody answered them.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The champion.

    Returns:
        Flag, EXPIRED or RESOLVED, and why as JSON values.

    >>> find_ended(context, context.config.models["late"], "2")
    []
    """
    flags = [each.flag for each in read_flags(context, model.model) if each.is_open]
    flags = [flag for flag in flags if flag.model_version == version]
    seen: dict[Subject, datetime] = find_last_seen(context, model, version) if flags else {}
    life, ended = find_life(model), []
    for flag in flags:
        last = seen.get((flag.kind, flag.subject))
        if not is_watched(context.config, model, flag):
            ended.append((flag, FlagEvent.RESOLVED, {"alarm": "no longer watched"}))
        elif has_expired(flag, last, context.as_of, life):
            shown = max(last or flag.window_end, flag.window_end).isoformat()
            why = f"the alarm was last seen in the window to {shown}, and a flag stands for {write_duration(life)}"
            ended.append((flag, FlagEvent.EXPIRED, {"reason": why}))
    return ended


def end_flags(context: Context, model: Model, version: str) -> int:
    """Close the open flags of a version that ask for nothing any more.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The champion.

    Returns:
        How many were closed.

    >>> end_flags(context, context.config.models["late"], "2")
    0
    """
    ended = find_ended(context, model, version)
    if ended:
        rows = [flag_row(flag, event, context.as_of, dict(why)) for flag, event, why in ended]
        context.lake.append_own(schemas.FLAGS, rows, WriteIdentity(JOB, f"ended {model.model} {context.turn}"))
    return len(ended)


def claimant(record: FlagRecord, as_of: datetime) -> datetime | None:
    """Tell which other turn has claimed a flag.

    Args:
        record: The flag, with all that is recorded of it.
        as_of: The turn that asks.

    Returns:
        The other turn's instant; None when nobody, or the turn itself, has claimed it.

    >>> from datetime import UTC
    >>> from lakeloop.statuses import FlagKind, FlagState
    >>> now = datetime(2024, 2, 4, tzinfo=UTC)
    >>> flag = Flag(FlagKind.BIAS, "late", "2", "bias", now, now, now)
    >>> claimant(FlagRecord(flag, FlagState.CLAIMED, now, now), now) is None
    True
    """
    return None if record.claimed_as_of == as_of else record.claimed_as_of


def claim_flags(context: Context, model: str, seen: Mapping[str, datetime | None]) -> tuple[str, ...]:
    """Claim the flags that the turn will answer: of several turns that claim one at once, one wins.

    A claim is an append whose identity is the flag and the claim that it follows, so that Delta takes the first and
    drops the others; who made it is read back. What it follows is what the decision saw, not what is recorded by now:
    a claim made since then wins. A turn's own claim is taken up again when the turn is done again. A flag that another
    turn claimed and left may be claimed after that turn, by one again; whether it was left is the policy's to say.

    Args:
        context: Project, lake and logical now.
        model: The model.
        seen: The flags, each with the other turn whose claim on it the decision has seen (None: nobody's); claimed in
            the order of their ids, up to the first that is lost.

    Returns:
        The flags that another turn has claimed meanwhile: none when all are this turn's.

    >>> from lakeloop.runs.flags import raise_flags
    >>> from lakeloop.statuses import FlagKind
    >>> bias = Flag(FlagKind.BIAS, "late", "2", "bias", *[context.as_of] * 3)
    >>> raise_flags(fresh, "late", [bias])
    1
    >>> claim_flags(fresh, "late", {bias.flag_id: None}), claim_flags(fresh, "late", {bias.flag_id: None})  # its own
    ((), ())
    >>> [each.state.value for each in read_flags(fresh, "late")]
    ['CLAIMED']
    """
    known = _by_id(read_flags(context, model, whole=True)) if seen else {}
    for flag_id, left in sorted(seen.items()):
        record = known[flag_id]
        if record.claimed_as_of == context.as_of:
            continue
        after = f" after {left.astimezone(UTC).isoformat()}" if left is not None else ""
        row = flag_row(record.flag, FlagEvent.CLAIMED, context.as_of, {"turn": context.turn})
        context.lake.append_own(schemas.FLAGS, [row], WriteIdentity(JOB, f"claimed {flag_id}{after}"))
        won = _by_id(read_flags(context, model, whole=True))[flag_id]
        if won.claimed_as_of != context.as_of:
            return (flag_id,)
    return ()


def release_flags(context: Context, model: str, reasons: Sequence[str]) -> int:
    """Resolve the flags that the turn has claimed and could not answer.

    Args:
        context: Project, lake and logical now.
        model: The model.
        reasons: Why not.

    Returns:
        How many were resolved.

    >>> from lakeloop.runs.flags import raise_flags
    >>> from lakeloop.statuses import FlagKind
    >>> bias = Flag(FlagKind.BIAS, "late", "2", "bias", *[context.as_of] * 3)
    >>> raise_flags(fresh, "late", [bias])
    1
    >>> claim_flags(fresh, "late", {bias.flag_id: None}), release_flags(fresh, "late", ["all 9 outcomes are True"])
    ((), 1)
    >>> [(each.state.value, each.ending["outcome"]) for each in read_flags(fresh, "late")]
    [('RESOLVED', 'not ready')]
    """
    claimed = [each for each in read_flags(context, model) if each.is_open and each.claimed_as_of == context.as_of]
    ending = {"outcome": "not ready", "reasons": list(reasons)}
    rows = [flag_row(each.flag, FlagEvent.RESOLVED, context.as_of, ending) for each in claimed]
    if rows:
        context.lake.append_own(schemas.FLAGS, rows, WriteIdentity(JOB, f"released {model} {context.turn}"))
    return len(rows)


def _by_id(records: Sequence[FlagRecord]) -> dict[str, FlagRecord]:
    return {each.flag.flag_id: each for each in records}
