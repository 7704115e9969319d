"""What a model's gate may ask, and how what it may not is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.gate import Gate, SliceRule
from tests.config.wrong_project import MODEL, Wrong, assert_refused

SLICES, MARGIN = "slices: [origin, flight]", "non_inferior_by: 0.005"
BOTH = f"{MARGIN}, {SLICES}"

WRONG = [
    Wrong(MODEL, BOTH, SLICES, "gate", "the keys metric", "or a gain as superior_by", ""),
    Wrong(MODEL, BOTH, f"against: [champion], {SLICES}", "gate", "the keys metric", "or a gain as superior_by", ""),
    Wrong(
        MODEL,
        SLICES,
        "slices: {origin: {}, zone: {}}",
        "gate.slices.zone",
        "the column 'zone'",
        "known, id or model columns: carrier",
        "not declared known",
    ),
    Wrong(MODEL, SLICES, "slices: {origin: {min_row: 3}}", "gate.slices.origin.min_row", "min_row", "", "min_rows"),
    Wrong(MODEL, SLICES, "slices: {origin: {values: [EWR]}}", "gate.slices.origin.values", "nothing is asked", "", ""),
    Wrong(
        MODEL,
        SLICES,
        "slices: {origin: {absolute: {roc_auc: {min: 60}}}}",
        "gate.slices.origin.absolute.roc_auc",
        "no model can meet",
        "between 0 and 1",
        "correct",
    ),
    Wrong(
        MODEL,
        SLICES,
        "slices: {origin: {absolute: {r2: {min: 0}}}}",
        "gate.slices.origin.absolute.r2",
        "does not fit the task",
        "log_loss",
        "in that form",
    ),
    Wrong(
        MODEL,
        SLICES,
        "slices: {origin: {non_inferior_by: 0.1, min_blocks: 29}}",
        "gate.slices.origin.min_blocks",
        "29",
        "at most 28",
        "in that form",
    ),
    Wrong(
        MODEL,
        SLICES,
        "against: [baseline], slices: {origin: {non_inferior_by: 0.1}}",
        "gate.slices.origin.non_inferior_by",
        "nothing to be compared with",
        "champion under against",
        "",
    ),
    Wrong(MODEL, SLICES, "calibration: {}", "gate.calibration", "an empty section", "max_bias", ""),
    Wrong(MODEL, SLICES, "calibration: {max_bias: 1.5}", "gate.calibration.max_bias", "1.5", "1", ""),
    Wrong(MODEL, SLICES, "latency: {rows: 0, p95_ms: 5}", "gate.latency.rows", "0", "1", ""),
    Wrong(MODEL, SLICES, "latency: {rows: 2}", "gate.latency.p95_ms", "", "", ""),
    Wrong(MODEL, SLICES, "blocking: [latency]", "gate.blocking[0]", "warns of nothing", "gate.latency", ""),
    Wrong(MODEL, SLICES, "blocking: [too_good]", "gate.blocking[0]", "warns of nothing", "gate.too_good", ""),
    Wrong(MODEL, SLICES, "blocking: [brier]", "gate.blocking[0]", "'brier'", "too_good", ""),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_gate_is_refused_with_the_place_and_the_remedy(tmp_path: Path, wrong: Wrong) -> None:
    assert_refused(tmp_path, wrong)


def test_a_list_of_columns_is_columns_of_which_nothing_is_asked() -> None:
    gate = Gate.model_validate({"metric": "brier", "superior_by": 0.01, "slices": ["origin", "carrier"]})
    assert gate.slices == {"origin": SliceRule(), "carrier": SliceRule()}
    same = Gate.model_validate({"metric": "brier", "superior_by": 0.01, "slices": {"origin": {}, "carrier": {}}})
    assert gate == same


def test_a_gate_that_compares_with_no_champion_needs_no_margin() -> None:
    gate = Gate.model_validate({"metric": "brier", "against": ["baseline"]})
    assert (gate.non_inferior_by, gate.superior_by, gate.too_good, gate.blocking) == (None, None, {}, ())
