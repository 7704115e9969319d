"""The promotions ledger: who is champion as of any instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lakeloop import schemas
from lakeloop.registry import CHAMPION
from lakeloop.runs.context import Context

PROMOTED, REJECTED = "promoted", "rejected"


@dataclass(frozen=True)
class Promotion:
    """A row of the ledger.

    Attributes:
        model: The model.
        version: The version that was judged.
        outcome: promoted or rejected.
        as_of: Logical now of the judgement.
        trained_through: Greatest `available_ts` that touched the version.
        training_set_id: The training set.
    """

    model: str
    version: str
    outcome: str
    as_of: datetime
    trained_through: datetime
    training_set_id: str


def read_promotions(context: Context, model: str) -> list[Promotion]:
    """Read the ledger of a model up to the logical now, oldest first; a few rows per training."""
    found = [
        Promotion(
            model,
            row["model_version"],
            row["outcome"],
            row["as_of"],
            row["trained_through"],
            row["training_set_id"],
        )
        for row in context.lake.own_rows(schemas.PROMOTIONS, context.as_of)
        if row["model"] == model
    ]
    return sorted(found, key=lambda each: (each.as_of, int(each.version)))


def champion_before(promotions: list[Promotion], instant: datetime) -> Promotion | None:
    """Tell who was champion before an instant: what was promoted at the instant itself does not count."""
    return next((each for each in reversed(promotions) if each.outcome == PROMOTED and each.as_of < instant), None)


def champion_at(promotions: list[Promotion], instant: datetime) -> Promotion | None:
    """Tell who is champion at an instant, what was promoted at it included."""
    return next((each for each in reversed(promotions) if each.outcome == PROMOTED and each.as_of <= instant), None)


def reconcile_alias(context: Context, model: str) -> None:
    """Let the alias `champion` follow the whole ledger; the registry's alias is only a cache of it."""
    promoted = [
        row
        for row in context.lake.own_rows(schemas.PROMOTIONS, None)
        if row["model"] == model and row["outcome"] == PROMOTED
    ]
    if promoted:
        newest = max(promoted, key=lambda row: (row["as_of"], int(row["model_version"])))
        context.registry.set_alias(model, CHAMPION, newest["model_version"])
