"""The promotion gate: pure checks over the holdout's scores and over facts, each a row with value, bound and status."""

from lakeloop.training.gate.check import Check
from lakeloop.training.gate.facts import AuditFacts, GateFacts, InputFacts, LatencyFacts, LoadFacts
from lakeloop.training.gate.holdout import HoldoutScores
from lakeloop.training.gate.judge import judge
from lakeloop.training.gate.report import GateReport, acknowledge_evidence, describe_checks, outcome_of
from lakeloop.training.gate.slices import MAX_SLICE_VALUES, NO_VALUE, OTHER_VALUES, SliceMetric
from lakeloop.training.resampling import DifferenceInterval, resample_difference

__all__ = [
    "MAX_SLICE_VALUES",
    "NO_VALUE",
    "OTHER_VALUES",
    "AuditFacts",
    "Check",
    "DifferenceInterval",
    "GateFacts",
    "GateReport",
    "HoldoutScores",
    "InputFacts",
    "LatencyFacts",
    "LoadFacts",
    "SliceMetric",
    "acknowledge_evidence",
    "describe_checks",
    "judge",
    "outcome_of",
    "resample_difference",
]
