"""Law 6: what is missing has a word of its own, every such word is reached, and none of them is taken for a pass."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import pytest

import lakeloop
from lakeloop.config.monitor import Persistence
from lakeloop.decisions.flags import persistent
from lakeloop.java import JavaOrigin
from lakeloop.landing import FileStatus
from lakeloop.reporting.assemble import assemble_model
from lakeloop.reporting.content import SourceHealth, State
from lakeloop.reporting.headline import summarise_data
from lakeloop.reporting.recorded import Recorded
from lakeloop.runs.context import Context
from lakeloop.runs.monitor import monitor
from lakeloop.runs.quality import JOB as QUALITY_JOB
from lakeloop.runs.quality import read_gate
from lakeloop.schemas import QUALITY
from lakeloop.statuses import (
    Action,
    CheckStatus,
    DriftSeverity,
    EstimateStatus,
    EvidenceStatus,
    GateStatus,
    LabelStatus,
    LookupStatus,
    NotificationStatus,
    Outcome,
    PromotionOutcome,
    RebuildStatus,
    RepeatStatus,
    Role,
    SetStatus,
    Status,
    TrialState,
    Verdict,
    VersionState,
)
from lakeloop.tables import WriteIdentity
from lakeloop.testing import RowFate
from lakeloop.transient import Passing
from tests.laws.situations import (
    MISSING_WINDOWS,
    SITUATIONS,
    Place,
    alarms_of,
    decide_on,
    judge_holdout,
    judge_label,
    judge_seats,
    label,
    look_up,
    measure,
    name_of,
    open_context,
    outcomes,
)
from tests.laws.small_loop import TURNS
from tests.reporting.recordings import ABOUT, APRIL, MAY, drift, metric, promotion

# Words that a person writes in conf/, or that name things: nothing is found by them.
DECLARED = {
    *("Severity", "Role", "Task", "Step", "Metric", "ColumnType", "Ink", "Engine", "Mode", "FileFormat"),
    *("NewColumns", "MissingColumns", "Kind", "Part", "LeakCheck", "ReadKind", "Deletes", "LostVersions"),
    *("PluginGroup", "S3Writers", "Turns", "LogFormat"),
    *(
        "FeatureType",
        "RecalibrationMethod",
        "StoppingWay",
        "Calibration",
        "Conflict",
        "Tuner",
        "Parallel",
        "LedgerEvent",
        "ScoringEngine",
        "LateRows",
        "ChannelKind",
        "EmailSecurity",
        "MessageAbout",
        "MessageSeverity",
        "Weekday",
        "Condition",
        "Granularity",
    ),
}
# Reached by whole runs of the loop.
ELSEWHERE: list[tuple[StrEnum, str]] = [
    *(
        (each, "drift/test_severity.py::test_a_fifth_of_the_importance_is_high_and_a_twentieth_is_medium")
        for each in DriftSeverity
    ),
    (Passing.UNANSWERED, "test_transient.py::test_no_answer_and_a_commit_that_came_first_are_told_apart"),
    (Passing.OVERTAKEN, "test_transient.py::test_no_answer_and_a_commit_that_came_first_are_told_apart"),
    *(
        (each, "test_testing.py::test_rows_are_judged_in_their_order_and_as_a_file_holds_them")
        for each in (RowFate.ACCEPTED, RowFate.QUARANTINED, RowFate.DUPLICATE)
    ),
    (RowFate.SUPERSEDED, "test_testing.py::test_an_older_version_of_a_row_is_superseded"),
    (
        Status.MISSING_REFERENCE,
        "runs/test_replaced_versions.py::test_columns_without_a_reference_are_not_judged_and_what_closed_is_measured",
    ),
    (
        Status.CHANGED_TYPE,
        "runs/test_window_evaluation.py::test_a_column_of_another_type_is_not_judged_and_the_others_are",
    ),
    (RebuildStatus.REPRODUCED, "laws/test_reproducible.py::test_a_rebuild_after_further_turns_gives_the_same_hash"),
    (RebuildStatus.DIFFERENT, "laws/test_reproducible.py::test_an_input_changed_by_hand_is_found_with_its_columns"),
    (RebuildStatus.INPUTS_EXPIRED, "laws/test_reproducible.py::test_vacuumed_inputs_have_expired"),
    (SetStatus.LIVE, "runs/test_manifests.py::test_the_champions_set_is_not_retired"),
    (SetStatus.RETIRED, "runs/test_manifests.py::test_a_retired_set_is_told_so_once_and_trains_on"),
    (
        SetStatus.INPUTS_EXPIRED,
        "runs/test_manifests.py::test_beyond_the_horizon_a_set_holds_nothing_back_and_its_own_rows_still_train",
    ),
    (
        PromotionOutcome.PROMOTED,
        "training/test_gate_rules.py::test_blocking_warnings_hold_until_each_is_acknowledged",
    ),
    (PromotionOutcome.HELD, "training/test_gate_rules.py::test_blocking_warnings_hold_until_each_is_acknowledged"),
    (PromotionOutcome.REJECTED, "training/test_gate_rules.py::test_a_failure_is_not_acknowledged_away"),
    (
        PromotionOutcome.ARCHIVED,
        "runs/models/test_events.py::test_an_archived_version_is_not_promoted_nor_rolled_back_to",
    ),
    *((each, "runs/models/test_reigns.py::test_every_version_has_one_state") for each in VersionState),
    *(
        (each, "runs/test_spark_trials.py::test_spark_gives_what_this_process_gives_and_fails_a_trial_alone")
        for each in TrialState
    ),
    (
        RepeatStatus.REPRODUCED,
        "runs/test_repeat.py::test_the_same_seed_gives_the_metrics_that_were_recorded_and_records_nothing",
    ),
    (RepeatStatus.DIFFERENT, "runs/test_repeat.py::test_other_rows_give_other_metrics_and_each_is_named"),
    (
        RepeatStatus.NEW,
        "runs/test_repeat.py::test_another_seed_is_a_new_version_that_no_gate_judges_and_is_compared_with_next_time",
    ),
    (CheckStatus.OK, "runs/doctor/test_project.py::test_a_workspace_is_left_as_it_was"),
    (CheckStatus.WARN, "runs/doctor/test_project.py::test_a_database_that_takes_connections_is_reached"),
    (CheckStatus.FAIL, "runs/doctor/test_project.py::test_a_workspace_that_is_a_file_fails"),
    (CheckStatus.NOT_CHECKED, "runs/doctor/test_examination.py::test_outside_a_project_what_needs_one_is_not_checked"),
    (JavaOrigin.JAVA_HOME, "java/test_finding.py::test_java_home_comes_before_the_path"),
    (JavaOrigin.PATH, "java/test_finding.py::test_without_java_home_the_path_is_taken_and_its_real_home_told"),
    (JavaOrigin.PYTHON_INDEX, "java/test_finding.py::test_without_any_other_the_runtime_of_the_package_is_used"),
    (FileStatus.UNSETTLED, "landing/test_left_and_refused.py::test_admit_files_names_a_file_whose_name_is_no_text"),
    (EvidenceStatus.OK, "training/test_metric_intervals.py::test_an_interval_by_hand"),
    (EvidenceStatus.NO_ROWS, "training/test_metric_intervals.py::test_without_rows_there_is_no_number"),
    (EvidenceStatus.TOO_FEW_ROWS, "training/test_slices.py::test_slices_by_hand"),
    (EvidenceStatus.TOO_FEW_BLOCKS, "training/test_slices.py::test_slices_by_hand"),
    (EvidenceStatus.ONE_OUTCOME, "training/test_metric_intervals.py::test_outcomes_that_are_all_equal_have_no_ranking"),
    (EvidenceStatus.ALL_NULL, "training/test_importance.py::test_inputs_of_on_demand_columns_are_permuted_and_named"),
    (EvidenceStatus.CONSTANT, "training/test_importance.py::test_a_constant_column_counts_nothing"),
    (EvidenceStatus.HIDDEN, "training/test_slices.py::test_values_of_a_private_column_are_told_nowhere"),
    (EstimateStatus.ESTIMATED, "drift/test_estimated_performance.py::test_an_estimate_by_hand"),
    (EstimateStatus.NOTHING_SCORED, "drift/test_estimated_performance.py::test_nothing_scored_is_no_number"),
    *(
        (each, "drift/test_estimated_performance.py::test_scores_that_are_no_probabilities_give_no_estimate")
        for each in (EstimateStatus.NOT_CALIBRATED, EstimateStatus.CALIBRATION_UNKNOWN)
    ),
    *((each, "runs/test_announcements.py::test_every_channel_comes_to_its_status") for each in NotificationStatus),
    (Outcome.EMPTY, "laws/test_missing_is_never_a_pass.py::test_a_turn_in_which_no_window_has_ended_is_empty"),
]
NOT_JUDGED = [status for status in Status if status is not Status.OK]


@pytest.fixture
def place(request, tmp_path):
    return Place(lambda: request.getfixturevalue("spark"), tmp_path)


def found_words() -> list[StrEnum]:
    """Find the members of every enumeration of the package that says what was found."""
    for module in pkgutil.walk_packages(lakeloop.__path__, "lakeloop."):
        importlib.import_module(module.name)
    kinds = {each for each in StrEnum.__subclasses__() if each.__module__.startswith("lakeloop.")}
    assert {each.__name__ for each in kinds} > DECLARED
    return [member for each in kinds if each.__name__ not in DECLARED for member in each]


def test_every_word_has_a_situation_that_leads_to_it():
    assert {name_of(each) for each in found_words()} == {*SITUATIONS, *(name_of(each) for each, _ in ELSEWHERE)}


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_situation_leads_to_its_word(name, place):
    word, situation = SITUATIONS[name]
    assert situation(place) == word.value


@pytest.mark.parametrize(("word", "test"), ELSEWHERE, ids=lambda each: each if isinstance(each, str) else "")
def test_a_word_reached_elsewhere_is_asserted_there(word, test):
    file, _, name = test.partition("::")
    _, _, code = (Path(__file__).parents[1] / file).read_text(encoding="utf-8").partition(f"def {name}(")
    assert name_of(word) in code.partition("\ndef ")[0]


@pytest.mark.loop
def test_a_turn_in_which_no_window_has_ended_is_empty(landed_turn_by_turn):
    found = monitor(Context(landed_turn_by_turn, TURNS[0] + timedelta(hours=1)), "late")
    assert (found.outcome, found.windows) == (Outcome.EMPTY, 0)


# --- none of them is a pass ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("status", MISSING_WINDOWS)
def test_a_column_that_was_not_judged_is_neither_stable_nor_without_drift(status, role):
    verdict = judge_seats(*MISSING_WINDOWS[status], role=role)
    assert (verdict.status, verdict.verdict, verdict.threshold) == (status, Verdict.UNKNOWN, None)
    assert verdict.value is None or status is Status.INSUFFICIENT_REFERENCE  # recorded, not judged


@pytest.mark.parametrize("status", MISSING_WINDOWS)
def test_what_was_not_judged_alarms_as_unknown_and_does_not_end_an_alarm(status, tmp_path):
    alarms = alarms_of(tmp_path, judge_seats(*MISSING_WINDOWS[status]), judge_label(28, 0), measure([]))
    assert alarms == {
        ("regime_drift", "seats"): None,
        ("target_drift", "label"): None,
        ("bias", "bias"): None,
        ("skill", "skill"): None,
        ("metric_drop", "log_loss"): None,
    }
    assert persistent([True, None, True], Persistence(hits=2, windows=3))
    assert not persistent([None, None, None], Persistence(hits=1, windows=3))


@pytest.mark.parametrize("status", [Status.ALL_NULL, Status.ABSENT_COLUMN])
def test_a_contract_column_that_is_gone_raises_a_flag(status, tmp_path):
    verdict = judge_seats(*MISSING_WINDOWS[status], role=Role.CONTRACT)
    alarms = alarms_of(tmp_path, verdict, judge_label(28, 7), measure(outcomes(7)))
    assert (alarms["quality", "seats"], alarms["contract_drift", "seats"]) == (True, None)


@pytest.mark.parametrize(
    ("days", "status"),
    [((28, 0), Status.EMPTY_WINDOW), ((28, 2), Status.TOO_FEW_BLOCKS), ((2, 7), Status.INSUFFICIENT_REFERENCE)],
)
def test_a_label_that_was_not_judged_is_unknown(days, status):
    found = judge_label(*days)
    assert (found.status, found.verdict, found.interval) == (status, Verdict.UNKNOWN, None)


@pytest.mark.parametrize(("days", "status"), [(0, Status.NOT_MATURED), (2, Status.TOO_FEW_BLOCKS)])
def test_a_performance_that_was_not_judged_is_neither_good_nor_bad(days, status):
    found = measure(outcomes(days))
    assert (found.status, found.exceeds_bias(0.02), found.falls_below_skill(0.0)) == (status, None, None)


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(judge_holdout(3), id="too few days"),
        pytest.param(judge_holdout(14, has_champion=True), id="the champion can't be compared on a row"),
        pytest.param(judge_holdout(14, against=()), id="no check at all"),
    ],
)
def test_what_the_gate_cannot_judge_is_not_promoted(report):
    assert not report.passed
    assert report.reasons
    assert {check.status for check in report.checks} <= {
        GateStatus.INSUFFICIENT,
        GateStatus.NOT_APPLICABLE,
        GateStatus.PASS,
    }


@pytest.mark.parametrize(
    ("evidence", "action"),
    [({}, Action.NOTIFY), ({"quality_passed": True}, Action.RETRAIN)],
    ids=["unjudged", "passed"],
)
def test_data_that_was_not_judged_is_not_trained_on(evidence, action):
    assert decide_on(age_days=28, **{"quality_passed": None, **evidence}) is action


@pytest.mark.parametrize(
    ("passed", "read"),
    [
        ({"orders": None, "deliveries": None}, None),
        ({"orders": True}, None),
        ({"orders": True, "deliveries": None}, True),  # a feed that may be silent
        ({"orders": None, "deliveries": False}, False),
    ],
)
def test_a_gate_without_rows_to_judge_has_not_passed(place, passed, read):
    context = open_context(place)
    for source, verdict in passed.items():
        identity = WriteIdentity(QUALITY_JOB, f"{source} {context.turn}")
        context.lake.append_own(QUALITY, [], identity, notes={"passed": verdict})
    assert read_gate(context) is read


@pytest.mark.parametrize("status", NOT_JUDGED)
def test_a_headline_without_a_judged_window_is_unknown(status):
    recorded = Recorded(
        promotions=[promotion(APRIL)],
        performance=[metric(MAY, "none", None, status=status.value)],
        drift=[drift("seats", MAY, status=status.value, verdict="UNKNOWN", statistic=None)],
    )
    found = assemble_model(ABOUT, recorded).headline
    assert found.state is State.UNKNOWN
    assert found.hurt == "Not known: no closed window was judged yet."
    assert found.drifted == "Not known: no feature was judged in the last window. 1 could not be judged."


@pytest.mark.parametrize("status", ["EMPTY_WINDOW", None])
def test_sources_that_were_not_judged_are_not_sound(status):
    state, said = summarise_data([SourceHealth("weather", gate_status=status, gate_passed=None)])
    assert state is State.UNKNOWN
    assert "passed on 1" not in said


def test_a_look_up_that_found_nothing_gives_no_value(place):
    found = {status: row["gold__wind"] for status, row in look_up(place).items()}
    usable = {LookupStatus.OK.value: 5.0, LookupStatus.STALE.value: 5.0}  # marked, and refused by training and scoring
    assert found == dict.fromkeys((each.value for each in LookupStatus), None) | usable


def test_a_label_that_is_not_matured_has_no_value(place):
    assert {status: row["label"] for status, row in label(place).items()} == {
        LabelStatus.MATURED.value: 0.0,
        LabelStatus.VOID.value: None,
        LabelStatus.PENDING.value: None,
    }
