"""The promotions ledger: who is champion as of any instant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lakeloop import schemas
from lakeloop.runs.context import Context
from lakeloop.statuses import LedgerEvent, PromotionOutcome

PROMOTED, REJECTED = PromotionOutcome.PROMOTED, PromotionOutcome.REJECTED
HELD, ARCHIVED = PromotionOutcome.HELD, PromotionOutcome.ARCHIVED

GATE_ACTOR, RECALIBRATION_ACTOR = "gate", "recalibrate"
"""Who judges: the gate of a training, or of a recalibration."""


@dataclass(frozen=True)
class Promotion:
    """A row of the ledger.

    Attributes:
        model: The model.
        version: The version that the event is about.
        outcome: promoted, rejected, held or archived.
        as_of: Logical now of the event.
        trained_through: Greatest `available_ts` that touched the version.
        training_set_id: The training set.
        run_key: Hash of what the version is made from.
        event: What happened.
        seq: Place in the model's ledger, from 1.
        actor: Who or what did it.
        reason: Why, as a person said; None of the gate.
        previous_version: Champion before.
        reasons: Why it was rejected or held, or what it showed.
        evidence: JSON of the checks, or of what a person stood on.
        recorded_ts: Wall-clock instant, UTC.
        promotion_id: Name of the event.
    """

    model: str
    version: str
    outcome: str
    as_of: datetime
    trained_through: datetime
    training_set_id: str
    run_key: str
    event: LedgerEvent = LedgerEvent.GATE
    seq: int = 0
    actor: str = ""
    reason: str | None = None
    previous_version: str | None = None
    reasons: tuple[str, ...] = ()
    evidence: str = "{}"
    recorded_ts: datetime | None = None
    promotion_id: str = ""

    @property
    def is_training(self) -> bool:
        """Whether a training led to it; what a person did, and a recalibration, is none."""
        return self.event is LedgerEvent.GATE and self.actor != RECALIBRATION_ACTOR


def read_promotions(context: Context, model: str) -> list[Promotion]:
    """Read the ledger of a model up to the logical now, oldest first; a few rows per training.

    Args:
        context: Project, lake and logical now.
        model: The model.

    Returns:
        One entry per event; instants aware, UTC.

    >>> [(each.version, each.outcome, each.as_of.date().isoformat()) for each in read_promotions(context, "late")]
    [('1', 'promoted', '2024-01-25'), ('2', 'promoted', '2024-02-04')]
    """
    return _read(context, model, context.as_of)


def read_whole_ledger(context: Context, model: str) -> list[Promotion]:
    """Read the ledger of a model, whatever the logical now, oldest first.

    Args:
        context: Project and lake.
        model: The model.

    Returns:
        One entry per event.

    >>> [each.seq for each in read_whole_ledger(context.at(datetime(2024, 1, 25)), "late")]
    [1, 2]
    """
    return _read(context, model, None)


def newest_champion(context: Context, model: str) -> Promotion | None:
    """Tell who is champion by the whole ledger, whatever the logical now.

    Args:
        context: Project and lake.
        model: The model.

    Returns:
        The newest event that made a champion; None when there was none.

    >>> newest_champion(context.at(datetime(2024, 1, 25)), "late").version
    '2'
    """
    return find_champion(_read(context, model, None))


def _read(context: Context, model: str, as_of: datetime | None) -> list[Promotion]:
    found = [
        Promotion(
            model,
            row["model_version"],
            row["outcome"],
            row["as_of"],
            row["trained_through"],
            row["training_set_id"],
            row["run_key"],
            LedgerEvent(row["event"]),
            row["ledger_seq"],
            row["actor"],
            row["reason"],
            row["previous_version"],
            tuple(row["reasons"]),
            row["evidence"],
            row["recorded_ts"],
            row["promotion_id"],
        )
        for row in context.lake.own_rows(schemas.PROMOTIONS, as_of)
        if row["model"] == model
    ]
    return sorted(found, key=lambda each: (each.as_of, each.seq))


def find_champion(promotions: Sequence[Promotion]) -> Promotion | None:
    """Find the event that made who is champion at the end of a ledger.

    Args:
        promotions: The ledger of one model, oldest first.

    Returns:
        The newest promotion, approval or rollback; None when there was none.

    >>> find_champion([]) is None, find_champion(read_promotions(context, "late")).version
    (True, '2')
    """
    return next((each for each in reversed(promotions) if each.outcome == PROMOTED), None)


def champion_before(promotions: Sequence[Promotion], instant: datetime) -> Promotion | None:
    """Tell who was champion before an instant: what was promoted at the instant itself does not count.

    Args:
        promotions: The ledger of one model, oldest first.
        instant: The instant, aware.

    Returns:
        The newest event before it that made a champion; None when there was none.

    >>> from datetime import UTC
    >>> monday, tuesday = (datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2))
    >>> ledger = [
    ...     Promotion("late", "1", PROMOTED, monday, monday, "set-1", "key-1"),
    ...     Promotion("late", "2", REJECTED, tuesday, tuesday, "set-2", "key-2"),
    ... ]
    >>> champion_before(ledger, monday) is None, champion_before(ledger, tuesday).version
    (True, '1')
    """
    return find_champion([each for each in promotions if each.as_of < instant])


def find_accepted_metrics(promotions: Sequence[Promotion], version: str) -> dict[str, float]:
    """Find what a version scored on the holdout that the gate judged it on.

    Args:
        promotions: The ledger of one model, oldest first.
        version: The version.

    Returns:
        Metric -> value, of the newest judgement; nothing where the gate never judged it.

    >>> metrics = find_accepted_metrics(read_promotions(context, "late"), "2")
    >>> sorted(metrics)[:2], find_accepted_metrics([], "2")
    (['average_precision', 'brier'], {})
    """
    judged = [each for each in promotions if each.version == version and each.event is LedgerEvent.GATE]
    found = json.loads(judged[-1].evidence).get("challenger", {}) if judged else {}
    return {metric: value for metric, value in found.items() if value is not None}


def list_reigns(promotions: Sequence[Promotion]) -> tuple[str, ...]:
    """List the champions that a rollback can go back to, and who is champion now, last.

    A promotion comes on top. A rollback takes away what was above the version it went to, so that a second one goes
    further back and never to what was rolled back from. A version that is archived is left out.

    Args:
        promotions: The ledger of one model, oldest first.

    Returns:
        Versions, each once; the last is the champion, the one before it is `previous`.

    >>> list_reigns(read_promotions(context, "late"))
    ('1', '2')
    """
    reigns: list[str] = []
    for each in promotions:
        if each.outcome == PROMOTED and each.event is LedgerEvent.ROLLBACK and each.version in reigns:
            del reigns[reigns.index(each.version) + 1 :]
        elif each.outcome in (PROMOTED, ARCHIVED):
            reigns = [version for version in reigns if version != each.version]
            reigns += [each.version] if each.outcome == PROMOTED else []
    return tuple(reigns)


def find_challenger(promotions: Sequence[Promotion]) -> Promotion | None:
    """Find the newest version that was judged, where it did not become champion.

    Args:
        promotions: The ledger of one model, oldest first.

    Returns:
        The gate's row; None when the version was promoted or archived, by the gate or later, or nothing was judged.

    >>> find_challenger(read_promotions(context, "late"))  # the newest was promoted
    """
    judged = next((each for each in reversed(promotions) if each.event is LedgerEvent.GATE), None)
    if judged is None or any(
        each.version == judged.version and each.outcome in (PROMOTED, ARCHIVED) for each in promotions
    ):
        return None
    return judged
