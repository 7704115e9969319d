"""What a champion did until another took its place is told, and what of it was late, though nobody asks it any more."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from lakeloop import schemas
from lakeloop.config.loading import load_config
from lakeloop.errors import ConflictError
from lakeloop.runs.context import Context
from lakeloop.runs.due_windows import windows_before_replacement
from lakeloop.runs.monitor import monitor
from lakeloop.runs.promotions import PROMOTED, REJECTED, Promotion
from lakeloop.runs.recalibrate import recalibrate_or_say_why
from lakeloop.runs.references import PREDICTION_REFERENCE_FILE, REFERENCE_FILE
from lakeloop.statuses import Outcome, Status
from tests.factories import instant
from tests.laws.compare import assert_same_run
from tests.laws.effects import Effects, Stops, listening
from tests.laws.small_loop import TURNS
from tests.shared import finished_context

DAY = timedelta(days=1)


def served(version: str, as_of: str, outcome: str = PROMOTED) -> Promotion:
    at = instant(as_of)
    return Promotion("late", version, outcome, at, at, "set", f"key {version}")


@pytest.fixture
def copied(spark, tmp_path):
    """The small project after its two turns, of which the second replaced version 1."""
    finished = finished_context()
    root = Path(shutil.copytree(finished.config.root, tmp_path / "copied"))
    return Context(load_config(root), TURNS[1])


def rows_of_version(context, version, as_of):
    rows = context.lake.own_rows(schemas.PERFORMANCE, None)
    return [row for row in rows if (row["model_version"], row["as_of"]) == (version, as_of)]


def test_windows_end_with_the_day_in_which_another_version_took_the_place():
    model = finished_context().config.models["late"]  # windows of three days, in UTC
    ledger = [
        served("1", "2024-01-01 12:00"),
        served("2", "2024-01-03 00:00", REJECTED),
        served("2", "2024-01-06 12:00"),
        served("1", "2024-01-07 00:00"),  # rolled back
        served("3", "2024-01-10 00:00"),
    ]

    def told(as_of):
        found = windows_before_replacement(ledger, model, instant(as_of))
        return {name: [(each.first_day.day, each.last_day.day) for each in windows] for name, windows in found.items()}

    assert told("2024-01-06 12:00") == {}
    assert told("2024-01-06 13:00") == {"1": [(2, 4)]}  # the day is not over
    assert told("2024-01-07 00:00") == {"1": [(2, 4), (5, 6)]}
    assert told("2024-01-10 00:00") == {"1": [(2, 4), (5, 6)], "2": []}  # not one whole day
    assert told("2024-01-11 00:00") == {"1": [(2, 4), (5, 6), (7, 9)], "2": []}


def test_the_cut_window_and_what_was_late_are_measured_by_the_next_turn(copied):
    before = {row["window"]["end"] for row in copied.lake.own_rows(schemas.PERFORMANCE, None)}
    assert max(before) == instant("2024-02-03 00:00")
    flags = copied.lake.own_rows(schemas.FLAGS, None)
    later = copied.at(TURNS[1] + DAY)
    found = monitor(later, "late")
    assert (found.replaced, found.outcome) == (1, Outcome.EMPTY)
    assert found.summary == "no window has ended, 1 window of earlier champions"
    told = {row["metric"]: row for row in rows_of_version(later, "1", later.as_of) if row["slice_key"] is None}
    assert {(row["window"]["start"], row["window"]["end"]) for row in told.values()} == {
        (instant("2024-02-03 00:00"), instant("2024-02-04 00:00"))
    }
    assert told["bias"]["rows"] > 0
    drifts = [row for row in later.lake.own_rows(schemas.DRIFT_METRICS, None) if row["as_of"] == later.as_of]
    statuses = {row["status"] for row in drifts if row["kind"] == "feature" and row["slice_key"] is None}
    assert statuses == {"TOO_FEW_BLOCKS"}
    assert later.lake.own_rows(schemas.FLAGS, None) == flags
    assert monitor(copied.at(later.as_of), "late") == found  # again: the same, and nothing twice
    assert len([row for row in rows_of_version(later, "1", later.as_of) if row["slice_key"] is None]) == len(told)
    assert monitor(later.at(later.as_of + DAY), "late").replaced == 0


@pytest.mark.slow
def test_stopped_before_each_effect_it_leaves_what_a_clean_monitoring_leaves(copied, tmp_path):
    """Windows of both versions are due: the cut one of the replaced, and the first of the champion."""
    at = TURNS[1] + 3 * DAY
    stopped = load_config(Path(shutil.copytree(copied.config.root, tmp_path / "stopped")))
    assert (monitor(copied.at(at), "late").replaced, monitor(copied.at(at), "late").outcome) == (1, Outcome.SKIPPED)
    stops = Stops(every_time=False)
    with listening(Effects(stopped.workspace, stops)):
        stops.run(lambda: monitor(Context(stopped, at), "late"), at_most=60)
    assert sum(each.target == "monitoring/performance" for each in stops.stopped_at) >= 2
    assert_same_run(copied.config, stopped)


@pytest.mark.parametrize("asked", ["get_version", "read_document"])
def test_a_version_that_was_lost_does_not_keep_the_champion_from_being_monitored(copied, monkeypatch, asked):
    """Be it that the registry does not have it any more, or that every document of its run is gone."""
    found_before = getattr(type(copied.registry), asked)

    def lost(registry, what, *more):
        if "1" in (*more[:1], getattr(what, "version", None)):
            raise ConflictError("model late version 1", [], "restore it")
        return found_before(registry, what, *more)

    monkeypatch.setattr(type(copied.registry), asked, lost)
    later = copied.at(TURNS[1] + 3 * DAY)
    found = monitor(later, "late")
    assert (found.windows, found.replaced, found.model_version, found.lost) == (1, 0, "2", False)


@pytest.fixture
def without_reference(copied, monkeypatch):
    """The project, three days later; the files of the references are gone from the store of artifacts."""
    read_document = type(copied.registry).read_document

    def gone(registry, version, name):
        if name in (REFERENCE_FILE, PREDICTION_REFERENCE_FILE):
            raise ConflictError(f"model {version.model} version {version.version}", [], "restore it")
        return read_document(registry, version, name)

    monkeypatch.setattr(type(copied.registry), "read_document", gone)
    return copied.at(TURNS[1] + 3 * DAY)


def test_columns_without_a_reference_are_not_judged_and_what_closed_is_measured(without_reference):
    found = monitor(without_reference, "late")
    assert (found.windows, found.replaced, found.flags, found.lost) == (1, 1, 0, True)
    assert found.judged == 0
    assert "drift not judged (MISSING_REFERENCE: " in found.summary
    assert "): the reference of version 2 is lost" in found.summary
    own = without_reference.lake.own_rows(schemas.DRIFT_METRICS, None)
    rows = [row for row in own if row["as_of"] == without_reference.as_of and row["kind"] != "target"]
    assert {(row["test"], row["status"], row["verdict"]) for row in rows} == {
        ("none", Status.MISSING_REFERENCE.value, "UNKNOWN")
    }
    assert {"items", "score"} <= {row["column_name"] for row in rows}
    measured = {
        row["metric"]: row
        for row in rows_of_version(without_reference, "1", without_reference.as_of)
        if row["slice_key"] is None
    }
    assert (measured["bias"]["rows"] > 0, measured["bias"]["baseline"], "skill" in measured) == (True, None, False)


def test_a_version_without_a_reference_is_not_corrected_and_it_is_said(without_reference):
    found = recalibrate_or_say_why(without_reference, "late")
    assert found.reasons == ("reference: reference.json of version 2 is lost",)
