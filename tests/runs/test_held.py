"""A version that is held by a blocking warning, and what an acknowledgement makes of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lakeloop import schemas
from lakeloop.errors import ConflictError, UsageError
from lakeloop.registry import CHALLENGER, CHAMPION
from lakeloop.runs import holdout_judgement
from lakeloop.runs.context import Context
from lakeloop.runs.holdout_judgement import judge_on_holdout
from lakeloop.runs.promote import GateResult, Origin, judge_and_record
from lakeloop.runs.train import train
from lakeloop.statuses import PromotionOutcome
from lakeloop.training.gate import GateFacts, InputFacts, LatencyFacts, LoadFacts
from tests.runs.registered import AS_OF, open_project, pinned, register, training_data

SLOW = GateFacts(
    inputs=InputFacts({"items": "double"}, {"items": "int"}),
    loading=LoadFacts(20, 0.0),
    latency=LatencyFacts(1, 50, 40.0, 80.0, 40.0, 80.0),
)
ORIGIN = Origin(pinned().training_set_id, pinned().data_through)
BLOCKING = {"too_good": {"roc_auc": 0.5}, "latency": {"p95_ms": 50}, "blocking": ["too_good", "latency"]}


@pytest.fixture
def context(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    found = open_project(tmp_path, **BLOCKING)
    monkeypatch.setattr(holdout_judgement, "find_facts", lambda *_: SLOW)
    return found


def judge_version(context: Context, *acknowledged: str, again: bool = False, key: str = "key-1") -> GateResult:
    model = context.config.models["late"]
    version = context.registry.find_version("late", key) or register(context)
    measure = partial(judge_on_holdout, context, model, version, training_data(), acknowledged=acknowledged)
    found = judge_and_record(context, model, version, ORIGIN, None if again else measure, acknowledged)
    assert found is not None
    return found


def ledger(context: Context) -> list[tuple[str, list[str]]]:
    rows = context.lake.own_rows(schemas.PROMOTIONS, None)
    assert len({row["promotion_id"] for row in rows}) == len(rows)
    told = [(row["outcome"], json.loads(row["evidence"])) for row in rows]
    return sorted(
        (outcome, [each["name"] for each in evidence["checks"] if each["acknowledged"]]) for outcome, evidence in told
    )


def test_a_held_version_is_promoted_once_every_warning_is_acknowledged(context: Context) -> None:
    held = judge_version(context)
    assert held.outcome == PromotionOutcome.HELD
    assert held.unacknowledged == ("latency", "too_good_roc_auc")
    assert [reason.split()[0] for reason in held.reasons] == ["latency", "too_good_roc_auc"]
    assert (context.registry.alias("late", CHAMPION), context.registry.alias("late", CHALLENGER)) == (None, "1")
    assert judge_version(context) == held  # the same call: the same judgement, and no further row
    assert ledger(context) == [("held", [])]

    one = judge_version(context, "latency", again=True)
    assert (one.outcome, one.unacknowledged) == ("held", ("too_good_roc_auc",))
    assert judge_version(context, "latency", again=True) == one
    assert ledger(context) == [("held", []), ("held", ["latency"])]

    done = judge_version(context, "too_good_roc_auc", again=True)
    assert (done.outcome, done.unacknowledged) == ("promoted", ())
    assert any(reason.startswith("latency WARN (acknowledged)") for reason in done.reasons)
    assert (context.registry.alias("late", CHAMPION), context.registry.alias("late", CHALLENGER)) == ("1", None)
    everything = [("held", []), ("held", ["latency"]), ("promoted", ["latency", "too_good_roc_auc"])]
    assert ledger(context) == everything
    assert judge_version(context, again=True) == done  # without them it stays promoted
    assert judge_version(context, "latency", again=True) == done
    assert ledger(context) == everything


def test_warnings_can_be_acknowledged_with_the_training_itself(context: Context) -> None:
    done = judge_version(context, "latency", "too_good_roc_auc")
    assert done.outcome == "promoted"
    assert ledger(context) == [("promoted", ["latency", "too_good_roc_auc"])]


def test_a_champion_whose_files_are_lost_stops_the_judgement(context: Context) -> None:
    judge_version(context, "latency", "too_good_roc_auc")
    (file,) = (context.config.workspace / "mlartifacts").rglob("model.skops")
    later = context.at(AS_OF.replace(day=20))
    register(later, "key-2")
    file.unlink()
    with pytest.raises(ConflictError) as refused:
        judge_version(later, key="key-2")
    assert "late version 1" in str(refused.value)
    assert len(ledger(context)) == 1


def test_what_holds_no_version_cannot_be_acknowledged(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        train(open_project(tmp_path, **BLOCKING), "late", ["beats_baseline"])
    assert "allowed: too_good_roc_auc, latency" in str(refused.value)
