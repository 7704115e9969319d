"""The promotions ledger: who is champion as of any instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lakeloop import schemas
from lakeloop.registry import CHAMPION
from lakeloop.runs.context import Context
from lakeloop.statuses import PromotionOutcome

PROMOTED, REJECTED, HELD = PromotionOutcome.PROMOTED, PromotionOutcome.REJECTED, PromotionOutcome.HELD


@dataclass(frozen=True)
class Promotion:
    """A row of the ledger.

    Attributes:
        model: The model.
        version: The version that was judged.
        outcome: promoted, rejected or held.
        as_of: Logical now of the judgement.
        trained_through: Greatest `available_ts` that touched the version.
        training_set_id: The training set.
        run_key: Hash of what the version is made from.
    """

    model: str
    version: str
    outcome: str
    as_of: datetime
    trained_through: datetime
    training_set_id: str
    run_key: str


def read_promotions(context: Context, model: str) -> list[Promotion]:
    """Read the ledger of a model up to the logical now, oldest first; a few rows per training.

    Args:
        context: Project, lake and logical now.
        model: The model.

    Returns:
        One entry per judgement; instants aware, UTC.

    >>> [(each.version, each.outcome, each.as_of.date().isoformat()) for each in read_promotions(context, "late")]
    [('1', 'promoted', '2024-01-25'), ('2', 'promoted', '2024-02-04')]
    """
    return _read(context, model, context.as_of)


def newest_champion(context: Context, model: str) -> Promotion | None:
    """Tell who is champion by the whole ledger, whatever the logical now.

    Args:
        context: Project and lake.
        model: The model.

    Returns:
        The newest promotion; None when there was none.

    >>> newest_champion(context.at(datetime(2024, 1, 25)), "late").version
    '2'
    """
    return next((each for each in reversed(_read(context, model, None)) if each.outcome == PROMOTED), None)


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
        )
        for row in context.lake.own_rows(schemas.PROMOTIONS, as_of)
        if row["model"] == model
    ]
    return sorted(found, key=lambda each: (each.as_of, int(each.version)))


def champion_before(promotions: list[Promotion], instant: datetime) -> Promotion | None:
    """Tell who was champion before an instant: what was promoted at the instant itself does not count.

    Args:
        promotions: The ledger of one model, oldest first.
        instant: The instant, aware.

    Returns:
        The newest promotion before it; None when there was none.

    >>> from datetime import UTC
    >>> monday, tuesday = (datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2))
    >>> ledger = [
    ...     Promotion("late", "1", PROMOTED, monday, monday, "set-1", "key-1"),
    ...     Promotion("late", "2", REJECTED, tuesday, tuesday, "set-2", "key-2"),
    ... ]
    >>> champion_before(ledger, monday) is None, champion_before(ledger, tuesday).version
    (True, '1')
    """
    return next((each for each in reversed(promotions) if each.outcome == PROMOTED and each.as_of < instant), None)


def reconcile_alias(context: Context, model: str) -> None:
    """Let the alias `champion` follow the whole ledger; the registry's alias is only a cache of it.

    Args:
        context: Project, lake and logical now.
        model: The model.

    Raises:
        ConflictError: If the registry does not hold the version the ledger names.

    >>> reconcile_alias(context, "late")
    >>> context.registry.alias("late", CHAMPION)
    '2'
    """
    newest = newest_champion(context, model)
    if newest is not None:
        context.registry.get_version(model, newest.version, newest.run_key)
        context.registry.set_alias(model, CHAMPION, newest.version)
