"""Checks of what the gate is told: what was asked for and not looked at is never a pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lakeloop.config.gate import Gate
from lakeloop.discovery.text import count_of
from lakeloop.statuses import GateStatus
from lakeloop.training.gate.check import NAN, Check
from lakeloop.training.gate.facts import AuditFacts, GateFacts, InputFacts, LatencyFacts, LoadFacts

SAME_SCORE = 1e-9
"""Distance up to which a score of another process is the same."""

_MAX_NAMED = 5
_TEXT = "string"
_UNSEEN = "Any"
"""What a signature says of a text that was missing in every row of its example."""

_NO_NUMBERS = ("binary", "date", "array", "map", "struct", "variant", "interval", "void")
_ONLINE = "online store: not looked at, there is none"


def check_facts(gate: Gate, facts: GateFacts) -> list[Check]:
    """Judge what the gate was told.

    Args:
        gate: What is asked for.
        facts: What was found.

    Returns:
        `inputs_exist`, `leakage_audit`, `loads_in_fresh_process`; `latency` where it is declared.

    >>> for check in check_facts(Gate(metric="brier", superior_by=0.01), GateFacts()):
    ...     print(check.name, check.status.value, check.detail)
    inputs_exist INSUFFICIENT the inputs were not looked at
    leakage_audit NOT_APPLICABLE not asked for: gate.leakage_audit is false
    loads_in_fresh_process INSUFFICIENT no fresh process was asked
    """
    checks = [_check_inputs(facts.inputs), _check_audit(gate, facts.audit), _check_loading(gate, facts.loading)]
    return checks if gate.latency is None else [*checks, _check_latency(gate, facts.latency)]


def _named(names: Sequence[str]) -> str:
    rest = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _check_inputs(found: InputFacts | None) -> Check:
    name = "inputs_exist"
    if found is None:
        return Check(name, GateStatus.INSUFFICIENT, NAN, 0.0, "the inputs were not looked at")
    if not found.signature:
        return Check(name, GateStatus.INSUFFICIENT, NAN, 0.0, "the version has no signature that names its inputs")
    wrong = []
    for column, wanted in found.signature.items():
        there = found.columns.get(column)
        if there is None:
            wrong.append(f"{column} is no column")
        elif not _fits(wanted, there):
            wrong.append(f"{column} is {there}, the signature has {wanted}")
    inputs = f"{len(found.signature)} inputs of the signature"
    if wrong:
        detail = f"of {inputs} in the gold tables and the spine's source: {_named(wrong)}; {_ONLINE}"
        return Check(name, GateStatus.FAIL, float(len(wrong)), 0.0, detail)
    detail = f"{inputs} are columns of the gold tables and the spine's source; {_ONLINE}"
    return Check(name, GateStatus.PASS, 0.0, 0.0, detail)


def _fits(wanted: str, there: str) -> bool:
    """Tell whether a column is given to the model as its signature has it: texts as texts, all else as a number."""
    if wanted == _UNSEEN:
        return True
    if wanted == _TEXT or there == _TEXT:
        return wanted == there
    return not there.startswith(_NO_NUMBERS)


def _check_audit(gate: Gate, found: AuditFacts | None) -> Check:
    name = "leakage_audit"
    if not gate.leakage_audit:
        return Check(name, GateStatus.NOT_APPLICABLE, NAN, 0.0, "not asked for: gate.leakage_audit is false")
    if found is None or not found.checks:
        return Check(name, GateStatus.INSUFFICIENT, NAN, 0.0, "the training set was not audited")
    value = float(len(found.failed))
    if found.failed:
        detail = f"{count_of(len(found.failed), 'finding')} in {found.checks} checks: {_named(found.failed)}"
        return Check(name, GateStatus.FAIL, value, 0.0, detail)
    if found.unjudged:
        detail = f"{len(found.unjudged)} of {found.checks} checks could not be judged: {_named(found.unjudged)}"
        return Check(name, GateStatus.INSUFFICIENT, value, 0.0, detail)
    return Check(name, GateStatus.PASS, value, 0.0, f"no finding in {found.checks} checks")


def _check_loading(gate: Gate, found: LoadFacts | None) -> Check:
    name = "loads_in_fresh_process"
    if not gate.fresh_process:
        return Check(name, GateStatus.NOT_APPLICABLE, NAN, SAME_SCORE, "not asked for: gate.fresh_process is false")
    if found is None:
        return Check(name, GateStatus.INSUFFICIENT, NAN, SAME_SCORE, "no fresh process was asked")
    if found.problem is not None:
        value = NAN if found.largest_difference is None else found.largest_difference
        return Check(name, GateStatus.FAIL, value, SAME_SCORE, found.problem)
    if not found.rows or found.largest_difference is None:
        return Check(name, GateStatus.INSUFFICIENT, NAN, SAME_SCORE, "there was no row to score")
    holds = found.largest_difference <= SAME_SCORE  # false for NaN
    detail = f"the scores of {found.rows} rows differ by at most {found.largest_difference:.3g}"
    status = GateStatus.PASS if holds else GateStatus.FAIL
    return Check(name, status, found.largest_difference, SAME_SCORE, detail)


def _check_latency(gate: Gate, found: LatencyFacts | None) -> Check:
    name, blocking = "latency", "latency" in gate.blocking
    bound = NAN if gate.latency is None else gate.latency.p95_ms
    if found is None or not found.calls or math.isnan(found.p95_ms):
        return Check(name, GateStatus.INSUFFICIENT, NAN, bound, "no call was timed", blocking=blocking)
    status = GateStatus.PASS if found.p95_ms <= bound else GateStatus.WARN
    detail = (
        f"{count_of(found.calls, 'call')} of {count_of(found.rows, 'row')}: p50 {found.p50_ms:.1f} ms, "
        f"p95 {found.p95_ms:.1f} ms, allowed {bound:g} ms"
    )
    if found.rows > 1:
        detail += f"; of one row: p50 {found.one_row_p50_ms:.1f} ms, p95 {found.one_row_p95_ms:.1f} ms"
    return Check(name, status, found.p95_ms, bound, detail, blocking=blocking)
