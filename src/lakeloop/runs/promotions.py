"""The promotions ledger: who is champion as of any instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import functions as F

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
    rows = context.lake.read_own(schemas.PROMOTIONS, context.as_of).where(F.col("model") == model)
    chosen = rows.select(
        "model_version",
        "outcome",
        F.unix_micros("as_of").alias("as_of"),
        F.unix_micros("trained_through").alias("trained_through"),
        "training_set_id",
    )
    found = [
        Promotion(model, row[0], row[1], _instant(row[2]), _instant(row[3]), row[4])
        for row in chosen.collect()  # bounded: one row per training
    ]
    return sorted(found, key=lambda each: (each.as_of, int(each.version)))


def _instant(micros: int) -> datetime:
    from datetime import UTC, timedelta

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def champion_before(promotions: list[Promotion], instant: datetime) -> Promotion | None:
    """Tell who was champion before an instant: what was promoted at the instant itself does not count."""
    return next((each for each in reversed(promotions) if each.outcome == PROMOTED and each.as_of < instant), None)


def champion_at(promotions: list[Promotion], instant: datetime) -> Promotion | None:
    """Tell who is champion at an instant, what was promoted at it included."""
    return next((each for each in reversed(promotions) if each.outcome == PROMOTED and each.as_of <= instant), None)


def reconcile_alias(context: Context, model: str) -> None:
    """Let the alias `champion` follow the whole ledger; the registry's alias is only a cache of it."""
    address = context.lake.own(schemas.PROMOTIONS)
    if not context.lake.exists(address):
        return
    promoted = context.lake.read_uncut(address).where((F.col("model") == model) & (F.col("outcome") == PROMOTED))
    newest = promoted.orderBy(F.col("as_of").desc(), F.col("model_version").cast("int").desc()).first()
    if newest is not None:
        context.registry.set_alias(model, CHAMPION, newest["model_version"])
