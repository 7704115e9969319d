"""A project whose models are registered and judged without Spark: small pipelines, rows as the gate writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lakeloop.model_versions import DatasetInput, ModelVersion
from lakeloop.registry import Registry
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context
from lakeloop.runs.promotion_events import record_event
from lakeloop.runs.promotions import PROMOTED, Promotion, find_champion, read_whole_ledger
from lakeloop.statuses import LedgerEvent, PromotionOutcome
from lakeloop.training.preprocessing import TRUSTED_TYPES

MODEL = "late"
START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def register(registry: Registry, number: int) -> ModelVersion:
    """Train a tiny pipeline and register it; its run key is `key-<number>`."""
    frame = pd.DataFrame({"items": [1.0, 2.0, 3.0, 4.0]})
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=number)).fit(frame, [0, 0, 1, 1])
    dataset = DatasetInput("training_sets.late", "/nowhere/training_sets/late", 1, "hash")
    tags = {"training_set_id": f"set-{number}", "trained_through": day(number).isoformat()}
    with registry.training(MODEL, f"key-{number}", dataset, tags) as training:
        return training.log_model(
            pipeline,
            frame,
            pipeline.predict_proba(frame),
            probabilities=True,
            trusted_types=TRUSTED_TYPES,
            tags=tags,
        )


def judge(
    context: Context,
    version: str,
    outcome: PromotionOutcome = PROMOTED,
    *,
    unacknowledged: Sequence[str] = (),
    reasons: Sequence[str] = ("beats_baseline PASS: 0.1 better",),
) -> None:
    """Write the gate's row of a version at the logical now, and let the aliases follow."""
    ledger = read_whole_ledger(context, MODEL)
    champion = find_champion(ledger)
    checks = [{"name": "beats_baseline", "status": "PASS", "detail": "0.1 better"}]
    checks += [{"name": each, "status": "WARN", "detail": "look at it"} for each in unacknowledged]
    row: dict[str, Any] = {
        "promotion_id": f"{MODEL}-{version}-{context.turn}",
        "model": MODEL,
        "model_version": version,
        "event": LedgerEvent.GATE.value,
        "outcome": outcome.value,
        "actor": "gate",
        "reason": None,
        "previous_version": champion.version if champion is not None else None,
        "training_set_id": f"set-{version}",
        "run_key": f"key-{version}",
        "trained_through": day(int(version)),
        "reasons": list(reasons),
        "evidence": json.dumps(
            {"checks": checks, "unacknowledged": list(unacknowledged), "challenger": {"brier": 0.2}}
        ),
        "as_of": context.as_of,
    }
    record_event(context, row, ledger)
    reconcile_aliases(context, MODEL)


def event(
    version: str,
    what: LedgerEvent = LedgerEvent.GATE,
    outcome: PromotionOutcome = PROMOTED,
    *,
    at: int = 1,
    seq: int = 1,
) -> Promotion:
    """A row of a ledger that is nowhere written."""
    return Promotion(MODEL, version, outcome, day(at), day(0), f"set-{version}", f"key-{version}", what, seq, "ada")


def aliases(context: Context) -> tuple[str | None, str | None, str | None]:
    """Who is champion, previous and challenger by the registry."""
    champion, previous, challenger = (
        context.registry.alias(MODEL, each) for each in ("champion", "previous", "challenger")
    )
    return champion, previous, challenger


def model_folder(context: Context, version: str) -> Path:
    """The folder of a version's files in a local store."""
    model_id = next(
        each.source.removeprefix("models:/")
        for each in context.registry.list_versions(MODEL)
        if each.version == version
    )
    return context.config.workspace / "mlartifacts" / MODEL / "models" / model_id / "artifacts"
