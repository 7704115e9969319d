"""The gate's judgement in the promotions ledger: one row per version, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.errors import ConflictError, Failure, UsageError
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.order import MODELS, refuse_earlier
from lakeloop.runs.promotion_events import describe_event, record_event
from lakeloop.runs.promotions import (
    GATE_ACTOR,
    HELD,
    PROMOTED,
    Promotion,
    champion_before,
    read_promotions,
    read_whole_ledger,
)
from lakeloop.statuses import LedgerEvent
from lakeloop.training.gate import GateReport, acknowledge_evidence, describe_checks, outcome_of

WAITS = "waits for approval"
_DONE = {
    LedgerEvent.GATE: "judged",
    LedgerEvent.PROMOTE: "promoted",
    LedgerEvent.APPROVE: "approved",
    LedgerEvent.ROLLBACK: "rolled back to",
    LedgerEvent.ARCHIVE: "archived",
}


@dataclass(frozen=True)
class GateResult:
    """How the gate ended.

    Attributes:
        outcome: promoted, rejected or held.
        previous_version: Champion before.
        reasons: Why it was rejected or is held, or what it showed.
        unacknowledged: Blocking warnings that hold it.
        metrics: Metrics of challenger, baseline and champion on the holdout.
    """

    outcome: str
    previous_version: str | None
    reasons: tuple[str, ...]
    unacknowledged: tuple[str, ...] = ()
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """What the ledger says of where a judged version comes from.

    Attributes:
        training_set_id: Training set its fitted steps learned from.
        trained_through: Greatest `available_ts` that touched it.
        actor: What made it: `GATE_ACTOR` of a training, `RECALIBRATION_ACTOR` of a recalibration.
    """

    training_set_id: str
    trained_through: datetime
    actor: str = GATE_ACTOR


def judge_and_record(
    context: Context,
    model: Model,
    version: ModelVersion,
    origin: Origin,
    measure: Callable[[Promotion | None], GateReport] | None,
    acknowledged: Sequence[str] = (),
) -> GateResult | None:
    """Judge a challenger and write the ledger's row; aliases and flags follow it.

    A version that is held and whose blocking warnings are named gets a second row: the recorded judgement, with what
    was acknowledged. Nothing is measured again, so that what is let pass is what the person was shown.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The challenger.
        origin: Where it comes from.
        measure: Judges it against the champion; None to ask only whether the judgement is recorded already.
        acknowledged: Names of the blocking warnings that a person lets pass.

    Returns:
        The judgement; None when it is not recorded and may not be measured.

    Raises:
        ConflictError: If the ledger already has a row with a later `as_of`, or another event came meanwhile; if a
            warning is acknowledged of a version that somebody has decided on since, or after later turns have scored.

    >>> newest = read_promotions(context, "late")[-1]
    >>> version = context.registry.get_version("late", newest.version, newest.run_key)
    >>> model, origin = context.config.models["late"], Origin(newest.training_set_id, newest.trained_through)
    >>> judged = judge_and_record(context, model, version, origin, measure=None)  # it is recorded already
    >>> judged.outcome, judged.previous_version, judged.reasons[0].partition(":")[0]
    ('promoted', '1', 'beats_baseline PASS')
    """
    ledger = read_whole_ledger(context, model.model)
    recorded = _find_judgement(context, version, ledger)
    if recorded is None and measure is None:
        return None
    if recorded is None or recorded.outcome == HELD:
        evidence = {} if recorded is None else json.loads(recorded.evidence)
        known = set(acknowledged).intersection(evidence.get("unacknowledged", ()))
        if recorded is not None and known:
            _refuse_decided(recorded, ledger)
        if recorded is None or known:
            refuse_second_judgement(context, model.model, version)
            champion = champion_before(read_promotions(context, model.model), context.as_of)
            if recorded is not None:
                refuse_earlier(context, MODELS, model.model)  # a second row is an event: turns since may have scored
                evidence = acknowledge_evidence(evidence, acknowledged)
            elif measure is not None:
                evidence = measure(champion).to_dict()
            record_event(context, _row(context, model, version, origin, champion, evidence), ledger)
            recorded = _find_judgement(context, version, read_whole_ledger(context, model.model))
    if recorded is None:
        raise AssertionError("what was recorded is there")
    reconcile_aliases(context, model.model)
    evidence = json.loads(recorded.evidence)
    return GateResult(
        recorded.outcome,
        recorded.previous_version,
        recorded.reasons,
        tuple(evidence.get("unacknowledged", ())),
        {side: evidence.get(side, {}) for side in ("challenger", "baseline", "champion")},
    )


def _find_judgement(context: Context, version: ModelVersion, ledger: Sequence[Promotion]) -> Promotion | None:
    """Find the newest judgement of a version at the logical now: one that was let pass comes after one that held."""
    of_turn = (version.version, context.as_of, LedgerEvent.GATE)
    return next((each for each in reversed(ledger) if (each.version, each.as_of, each.event) == of_turn), None)


def _refuse_decided(recorded: Promotion, ledger: Sequence[Promotion]) -> None:
    """Refuse to acknowledge what somebody has decided on since: the gate does not decide it again."""
    newest = [each for each in ledger if each.version == recorded.version][-1]
    if newest is not recorded:
        raise ConflictError(
            f"model {recorded.model} version {recorded.version}",
            [Failure("ledger", f"{describe_event(newest)}, after its warnings were told")],
            f"read `lakeloop models history {recorded.model}`; leave --acknowledge out, or train at a later --as-of",
        )


def refuse_second_judgement(context: Context, name: str, version: ModelVersion | None) -> None:
    """Refuse to judge at an instant at which, or after which, the ledger holds another judgement already.

    Args:
        context: Project, lake and logical now.
        name: The model.
        version: The version that would be judged; None when it is still to be made.

    Raises:
        ConflictError: If there is such a judgement: later turns have scored by it.

    >>> try:
    ...     refuse_second_judgement(context, "late", None)
    ... except ConflictError as error:
    ...     print(error.failures[0])
    ledger: version 2 was judged as of 2024-02-04T00:00:00Z
    """
    others = [
        row
        for row in context.lake.own_rows(schemas.PROMOTIONS, None)
        if row["model"] == name and row["as_of"] >= context.as_of
        if row["as_of"] > context.as_of or version is None or row["model_version"] != version.version
    ]
    if others:
        newest = max(others, key=lambda row: row["as_of"])
        done = f"{_DONE[newest['event']]} as of {instant_text(newest['as_of'])}"
        raise ConflictError(
            f"model {name}",
            [Failure("ledger", f"version {newest['model_version']} was {done}")],
            "one version is judged at an instant, none in the past: pin a training set and train at a later --as-of",
        )


def refuse_unknown_warnings(model: Model, acknowledged: Sequence[str]) -> None:
    """Refuse to let something pass that holds no version: a check that fails cannot be acknowledged away.

    Args:
        model: The model's declaration.
        acknowledged: Names of checks.

    Raises:
        UsageError: If one is no blocking warning of the model's gate.

    >>> try:
    ...     refuse_unknown_warnings(shops.models["late"], ["latency"])
    ... except UsageError as error:
    ...     print(error)
    --acknowledge: got latency; allowed: none: gate.blocking of model late is empty; remedy: leave it out
    """
    allowed = model.gate.acknowledgeable
    for name in acknowledged:
        if name not in allowed:
            empty = f"none: gate.blocking of model {model.model} is empty"
            remedy = "name one of these; a check that fails cannot be let pass" if allowed else "leave it out"
            raise UsageError("--acknowledge", name, ", ".join(allowed) or empty, remedy)


def _row(
    context: Context,
    model: Model,
    version: ModelVersion,
    origin: Origin,
    champion: Promotion | None,
    evidence: Mapping[str, Any],
) -> dict[str, Any]:
    known = "".join(sorted(f"-{check['name']}" for check in evidence["checks"] if check["acknowledged"]))
    outcome = outcome_of(evidence)
    waits = outcome is PROMOTED and model.gate.approval == "required"
    shown = describe_checks(evidence) if outcome is PROMOTED else evidence["reasons"]
    return {
        "promotion_id": f"{version.model}-{version.version}-{instant_text(context.as_of)}{known}",
        "model": version.model,
        "model_version": version.version,
        "event": LedgerEvent.GATE.value,
        "outcome": (HELD if waits else outcome).value,
        "actor": origin.actor,
        "previous_version": champion.version if champion is not None else None,
        "training_set_id": origin.training_set_id,
        "run_key": version.run_key,
        "trained_through": origin.trained_through,
        "reasons": [*([WAITS] if waits else []), *shown],
        "evidence": json.dumps(evidence, sort_keys=True),
        "as_of": context.as_of,
    }
