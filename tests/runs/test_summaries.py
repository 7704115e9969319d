"""What a finished step says it did, from its result: true numbers, in a few words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakeloop.runs.decide import DecideResult
from lakeloop.runs.features import FeatureBuild, FeaturesResult
from lakeloop.runs.ingest import IngestResult, SourceIngest
from lakeloop.runs.monitor import MonitorResult
from lakeloop.runs.promote import GateResult
from lakeloop.runs.quality import QualityResult, SourceQuality
from lakeloop.runs.score import ScoreResult
from lakeloop.runs.train import TrainResult
from lakeloop.runs.training_set import TrainingSet
from lakeloop.runs.turn import ModelTurn, TurnResult
from lakeloop.runs.turn_text import describe_turn
from lakeloop.statuses import Action, Outcome, Status

BUILT = "2024-02-05T00:00:00Z"
INGESTED = IngestResult(
    (
        SourceIngest("deliveries", 1, 0, 0, 0, 1411, 1410, 0, 1),
        SourceIngest("orders", 1, 1, 0, 0, 420, 419, 1, 0),
    )
)
JUDGED = QualityResult((SourceQuality("deliveries", 344, Status.OK, True, ()),))
BUILDS = FeaturesResult((FeatureBuild("a", BUILT, 721, Outcome.WRITTEN), FeatureBuild("b", BUILT, 0, Outcome.SKIPPED)))
SCORED = ScoreResult("late", "1", 80, Outcome.WRITTEN, {})
MONITORED = MonitorResult("late", "1", 2, ("items",), 1, Outcome.WRITTEN, {}, judged=3)
NONE = DecideResult("late", Action.NONE, ("schedule: not fired: it is early",), Outcome.WRITTEN)
RETRAIN = DecideResult("late", Action.RETRAIN, ("first_training: asks to retrain", "bias: not fired"), Outcome.WRITTEN)
PINNED = TrainingSet("id", "late", 333, "hash", datetime(2024, 2, 4, tzinfo=UTC), 1, Outcome.WRITTEN)
TRAINED = TrainResult(
    "late", "1", "id", 333, 2, Outcome.WRITTEN, GateResult("promoted", None, ("beats_baseline PASS",))
)


@pytest.mark.parametrize(
    ("result", "summary"),
    [
        (INGESTED, "1,831 rows read, 1,829 accepted, 1 quarantined, 1 duplicate, 1 file refused"),
        (IngestResult(()), "0 rows read"),
        (JUDGED, "344 rows judged, passed"),
        (QualityResult((SourceQuality("orders", 1, Status.OK, False, ()),)), "1 row judged, failed: orders"),
        (BUILDS, "721 rows into 1 table"),
        (FeaturesResult(BUILDS.tables[1:]), "1 table already built"),
        (SCORED, "80 rows scored by version 1"),
        (ScoreResult("late", "1", 80, Outcome.SKIPPED, {}), "80 rows already scored by version 1"),
        (
            ScoreResult("late", "1", 80, Outcome.WRITTEN, {}, ("shops",)),
            "80 rows scored by version 1; version 1 is not known to have learned from gold.shops as declared now:"
            " train again",
        ),
        (MONITORED, "2 windows, drift in items, 1 flag raised"),
        (MonitorResult("late", "1", 1, (), 0, Outcome.WRITTEN, {}, judged=3), "1 window, no drift"),
        (
            MonitorResult(
                "late", "1", 1, (), 0, Outcome.WRITTEN, {}, judged=1, unjudged={"ALL_NULL": ("items",), "EMPTY": ("a",)}
            ),
            "1 window, no drift in 1 column, 2 not judged (ALL_NULL: items; EMPTY: a)",
        ),
        (
            MonitorResult(
                "late", "1", 1, ("shop",), 1, Outcome.WRITTEN, {}, judged=1, unjudged={"ALL_NULL": ("items",)}
            ),
            "1 window, drift in shop, 1 not judged (ALL_NULL: items), 1 flag raised",
        ),
        (
            MonitorResult(
                "late", "1", 1, (), 0, Outcome.WRITTEN, {}, judged=0, unjudged={"TOO_FEW_BLOCKS": tuple("abcde")}
            ),
            "1 window, drift not judged (TOO_FEW_BLOCKS: a, b, c and 2 more)",
        ),
        (
            MonitorResult(
                "late", "2", 1, (), 0, Outcome.WRITTEN, {}, lost=True, judged=0, unjudged={"MISSING_REFERENCE": ("a",)}
            ),
            "1 window, drift not judged (MISSING_REFERENCE: a): the reference of version 2 is lost",
        ),
        (MonitorResult("late", "1", 1, (), 0, Outcome.WRITTEN, {}, judged=0), "1 window, no column to judge"),
        (
            MonitorResult("late", "1", 0, (), 0, Outcome.WRITTEN, {}, late=1),
            "0 windows, 1 earlier window measured",
        ),
        (MonitorResult("late", "1", 0, (), 0, Outcome.EMPTY, {}), "no window has ended"),
        (MonitorResult("late", "1", 0, (), 0, Outcome.SKIPPED, {}), "already monitored"),
        (RETRAIN, "retrain"),
        (PINNED, "333 rows pinned"),
        (TRAINED, "2 candidates on 333 rows, version 1 promoted"),
        (
            TrainResult("late", "1", "id", 333, 0, Outcome.SKIPPED, GateResult("rejected", "1", ())),
            "version 1 rejected",
        ),
    ],
)
def test_a_result_says_what_was_done(result: object, summary: str) -> None:
    assert getattr(result, "summary") == summary  # noqa: B009 - of several types


def test_a_first_turn_for_a_person() -> None:
    turn = TurnResult(BUILT, INGESTED, JUDGED, BUILDS, (ModelTurn("late", None, None, RETRAIN, PINNED, TRAINED),), {})
    assert describe_turn(turn, width=60).splitlines() == [
        "turn 2024-02-05T00:00:00Z",
        "  ingest        1,831 rows read, 1,829 accepted, 1",
        "                quarantined, 1 duplicate, 1 file refused",
        "  quality       344 rows judged, passed",
        "  features      721 rows into 1 table",
        "model late",
        "  score         nothing: no version was promoted before this",
        "                turn",
        "  decide        retrain",
        "                first_training: asks to retrain",
        "  training set  333 rows pinned",
        "  train         2 candidates on 333 rows, version 1 promoted",
        "                beats_baseline PASS",
    ]


def test_a_quiet_turn_for_a_person() -> None:
    turn = TurnResult(BUILT, IngestResult(()), JUDGED, BUILDS, (ModelTurn("late", SCORED, MONITORED, NONE),), {})
    assert describe_turn(turn).splitlines()[4:] == [
        "model late",
        "  score         80 rows scored by version 1",
        "  monitor       2 windows, drift in items, 1 flag raised",
        "  decide        none",
    ]
