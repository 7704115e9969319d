"""A model version in full: what the ledger, its gate and the registry say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakeloop.errors import Failure, NotReadyError, UsageError
from lakeloop.registry import CHALLENGER, CHAMPION, PREVIOUS
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.models.states import assert_declared, state_of
from lakeloop.runs.promotions import Promotion, find_champion, read_promotions
from lakeloop.statuses import LedgerEvent, VersionState

_SIDES = ("challenger", "baseline", "champion")


@dataclass(frozen=True)
class CheckShown:
    """A check of the gate: its name, status and what it said."""

    name: str
    status: str
    detail: str


@dataclass(frozen=True)
class VersionDetails:
    """A version in full.

    Attributes:
        model: The model.
        version: The version.
        state: What the ledger says of it now.
        aliases: What the registry's aliases name it.
        judged: `as_of` of its judgement by the gate, ISO, UTC; None when it was not judged.
        outcome: What the gate said; None when it was not judged.
        reasons: Why it was rejected or held, or what it showed.
        trained_through: Greatest `available_ts` that touched it, ISO, UTC.
        training_set_id: What it was trained on.
        checks: Checks of the gate.
        metrics: Metrics on the holdout, per side.
        run_id: Its MLflow run; None when the registry does not have it.
        tracking_uri: Where the run is.
        versions: Every version of the model, with its state.
    """

    model: str
    version: str
    state: VersionState
    aliases: tuple[str, ...]
    judged: str | None
    outcome: str | None
    reasons: tuple[str, ...]
    trained_through: str | None
    training_set_id: str | None
    checks: tuple[CheckShown, ...]
    metrics: Mapping[str, Mapping[str, float | None]]
    run_id: str | None
    tracking_uri: str
    versions: Mapping[str, VersionState]


def show_model(context: Context, name: str, version: str | None = None) -> VersionDetails:
    """Tell all that is recorded of a version.

    Args:
        context: Project, lake and logical now.
        name: The model.
        version: The version; the champion without it, or the newest where there is none.

    Returns:
        What the ledger says as of the logical now, and where the registry has the version's run.

    Raises:
        UsageError: If the model is not declared, or there is no such version.
        NotReadyError: If the model has no version yet.

    >>> shown = show_model(context, "late")
    >>> shown.version, shown.state.value, shown.aliases, shown.checks[0].name, shown.checks[0].status
    ('2', 'CHAMPION', ('champion',), 'beats_baseline', 'PASS')
    >>> {version: state.value for version, state in shown.versions.items()}
    {'1': 'PREVIOUS', '2': 'CHAMPION'}
    """
    assert_declared(context, name)
    ledger = read_promotions(context, name)
    registered = {each.version: each for each in context.registry.list_versions(name)}
    known = sorted({*registered, *(each.version for each in ledger)}, key=int)
    if not known:
        raise NotReadyError(
            f"model {name}",
            [Failure("versions", "none is registered")],
            "train one: `lakeloop train`, or `lakeloop run`",
        )
    champion = find_champion(ledger)
    chosen = version or (champion.version if champion is not None else known[-1])
    if chosen not in known:
        raise UsageError("--version", repr(chosen), ", ".join(known), "name a version that was trained")
    judged = next(
        (each for each in reversed(ledger) if each.version == chosen and each.event is LedgerEvent.GATE), None
    )
    latest = next((each for each in reversed(ledger) if each.version == chosen), None)
    evidence = json.loads(judged.evidence) if judged is not None else {}
    there = registered.get(chosen)
    tags = there.tags if there is not None else {}
    return VersionDetails(
        name,
        chosen,
        state_of(ledger, chosen),
        tuple(each for each in (CHAMPION, PREVIOUS, CHALLENGER) if context.registry.alias(name, each) == chosen),
        instant_text(judged.as_of) if judged is not None else None,
        judged.outcome if judged is not None else None,
        judged.reasons if judged is not None else (),
        _trained_through(latest, tags),
        latest.training_set_id if latest is not None else tags.get("training_set_id"),
        tuple(_check(each) for each in evidence.get("checks") or []),
        {side: evidence[side] for side in _SIDES if evidence.get(side)},
        there.run_id if there is not None else None,
        context.config.shown_tracking_uri,
        {each: state_of(ledger, each) for each in known},
    )


def _trained_through(latest: Promotion | None, tags: Mapping[str, str]) -> str | None:
    return instant_text(latest.trained_through) if latest is not None else tags.get("trained_through")


def _check(said: Mapping[str, Any]) -> CheckShown:
    return CheckShown(str(said.get("name")), str(said.get("status")), str(said.get("detail") or ""))
