"""The smallest situation that leads to each word lakeloop says of what it found, through its public functions.

Each gives the word it led to; a situation that needs tables is given a Spark session and a folder of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from lakeloop.config.decide import Decide, When
from lakeloop.config.gate import Gate
from lakeloop.config.metric import Metric, Task
from lakeloop.config.monitor import Monitor
from lakeloop.decisions.flags import Flag, FlagEntry, flag_state
from lakeloop.decisions.policy import DecisionInputs, OpenFlag, decide
from lakeloop.drift.bins import ColumnBins
from lakeloop.drift.consistency import compare_served
from lakeloop.drift.counts import COUNTS_SCHEMA, lay_out_daily
from lakeloop.drift.performance import OUTCOMES_SCHEMA, Performance, measure_performance
from lakeloop.drift.reference import SCORE_COLUMN
from lakeloop.drift.targets import RateVerdict, TargetDay, judge_rate
from lakeloop.drift.verdicts import ColumnVerdict, judge_window
from lakeloop.labels.closing import attach_labels
from lakeloop.landing import FileStatus, admit_files
from lakeloop.online_store.store import State as StoredState
from lakeloop.point_in_time.lookup import Lookup
from lakeloop.point_in_time.spark import join_as_of
from lakeloop.reporting.content import SourceHealth, State
from lakeloop.reporting.headline import summarise_data
from lakeloop.runs.alarms import find_alarms
from lakeloop.runs.context import Context
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.flag_life import claim_flags, end_flags
from lakeloop.runs.flags import close_flags, raise_flags
from lakeloop.runs.scored_rows import purpose_of
from lakeloop.runs.scoring_parity import judge_parity
from lakeloop.runs.windows import MonitorWindow
from lakeloop.schemas import FLAGS, TRAINING_SETS
from lakeloop.serving.bundle import BundleTable
from lakeloop.serving.predictor import asked_of, keys_of, lay_out, plan_of, resolve
from lakeloop.statuses import (
    Action,
    FlagEvent,
    FlagKind,
    FlagState,
    GateStatus,
    LabelStatus,
    LookupStatus,
    Outcome,
    ParityStatus,
    Purpose,
    Role,
    ServedVerdict,
    Status,
    Verdict,
)
from lakeloop.tables import WriteIdentity
from lakeloop.training.gate import GateReport, HoldoutScores, judge
from tests.drift.factories import make_counts, make_reference
from tests.factories import (
    GOLD_COLUMNS,
    OUTCOME_COLUMNS,
    SPINE_COLUMNS,
    declare_label,
    declare_predict,
    declare_source,
    frame,
    instant,
    make_outcome,
    make_spine_row,
    make_state,
    rows_of,
)
from tests.laws.small_loop import write_project
from tests.serving.factories import MemoryStore, make_bundle, micros, published


@dataclass(frozen=True)
class Place:
    """Where a situation takes place."""

    spark: Callable[[], SparkSession]
    folder: Path


Situation = Callable[[Place], StrEnum | str | None]
SITUATIONS: dict[str, tuple[StrEnum, Situation]] = {}
"""Name of a word, `Status.OK`, -> the word and the situation: words of two kinds may be equal as text."""


def name_of(member: StrEnum) -> str:
    """Name a word with its kind."""
    return f"{type(member).__name__}.{member.name}"


def add(member: StrEnum, situation: Situation) -> None:
    """Register a situation that leads to a word."""
    SITUATIONS[name_of(member)] = member, situation


def leads_to(member: StrEnum, *given: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function, with arguments after the place, as the situation that leads to a word."""

    def register(situation: Callable[..., Any]) -> Callable[..., Any]:
        add(member, lambda place: situation(place, *given))
        return situation

    return register


# --- drift -----------------------------------------------------------------------------------------------------------

SEATS = ColumnBins("seats", "number", edges=(100.0,))
ORIGIN = ColumnBins("origin", "category", categories=("EWR",))
CALM = {"seats": [[50, 50, 0]] * 90, "origin": [[100, 0, 0]] * 90}
WEEK = [[50, 50, 0]] * 7
MISSING_WINDOWS: dict[Status, tuple[dict[str, Any], int]] = {
    Status.EMPTY_WINDOW: ({}, 90),
    Status.ABSENT_COLUMN: ({"origin": [[100, 0, 0]] * 7}, 90),
    Status.ALL_NULL: ({"seats": [[0, 0, 100]] * 7}, 90),
    Status.TOO_FEW_ROWS: ({"seats": [[28, 0, 0]] * 7}, 90),
    Status.TOO_FEW_BLOCKS: ({"seats": [[100, 0, 0]] * 3}, 90),
    Status.INSUFFICIENT_REFERENCE: ({"seats": WEEK}, 20),
}
"""Status -> a window that can't be judged for this reason, and the days of the reference."""


def judge_seats(window: dict[str, Any], reference_days: int = 90, role: Role = Role.REGIME) -> ColumnVerdict:
    """Judge the column `seats` of a window."""
    reference = make_reference({name: days[:reference_days] for name, days in CALM.items()}, [SEATS, ORIGIN])
    counts = make_counts(window) if window else COUNTS_SCHEMA.empty_table()
    (verdict,) = judge_window(reference, counts, ["seats"], {"seats": role}, Monitor(), seed=1)
    return verdict


for _status, _case in MISSING_WINDOWS.items():
    add(_status, lambda _, case=_case: judge_seats(*case).status)


@leads_to(Status.OK)
def _status_of_a_whole_window(_: Place) -> Status:
    return judge_seats({"seats": WEEK}).status


@leads_to(Status.NOT_MATURED)
def _status_without_labels(_: Place) -> Status:
    return measure([]).status


@leads_to(Verdict.STABLE, WEEK, Role.CONTRACT)
@leads_to(Verdict.DRIFT, [[0, 100, 0]] * 7, Role.CONTRACT)
@leads_to(Verdict.RECORDED, [[0, 100, 0]] * 7, Role.SEASONAL)
@leads_to(Verdict.UNKNOWN, [[0, 0, 100]] * 7, Role.CONTRACT)
def _verdict(_: Place, days: list[list[int]], role: Role) -> Verdict:
    return judge_seats({"seats": days}, role=role).verdict


def measure(cells: list[dict[str, Any]]) -> Performance:
    """Measure the performance over cells of outcomes."""
    return measure_performance(pa.Table.from_pylist(cells, schema=OUTCOMES_SCHEMA), Task.CLASSIFICATION)


def outcomes(days: int) -> list[dict[str, Any]]:
    """Give outcomes of a model that is far off, day by day."""
    first, sums = (
        date(2013, 4, 1),
        {"sum_score": 9.0, "sum_loss": 9.0, "sum_baseline_loss": 5.0, "sum_squared_error": 8.1},
    )
    return [
        {"block": first + timedelta(days=day), "score_bin": 1, "label": 0.0, "rows": 10, **sums} for day in range(days)
    ]


def judge_label(reference_days: int, window_days: int) -> RateVerdict:
    """Judge a label that went from a fifth to four fifths."""
    before = [TargetDay(date(2013, 3, 1) + timedelta(days=day), 100, 20.0) for day in range(reference_days)]
    after = [TargetDay(date(2013, 4, 1) + timedelta(days=day), 100, 80.0) for day in range(window_days)]
    return judge_rate(before, after, min_effect=0.05, level=0.05, seed=0)


# --- the gate --------------------------------------------------------------------------------------------------------


def judge_holdout(days: int, score: float = 0.75, *, has_champion: bool = False, **gate: Any) -> GateReport:
    """Judge a challenger on two rows a day, one of either outcome."""
    dates = np.datetime64("2013-05-01", "D") + np.arange(days)
    y = np.tile([1.0, 0.0], days)
    champion = np.full(2 * days, np.nan) if has_champion else None  # it may have learned from every row
    holdout = HoldoutScores(
        y, np.where(y == 1, score, 1 - score), np.full(2 * days, 0.5), np.repeat(dates, 2), champion, {}
    )
    declared = Gate.model_validate({"metric": Metric.BRIER, "non_inferior_by": 0.01, "min_blocks": 7, **gate})
    return judge(declared, Task.CLASSIFICATION, holdout, has_champion=has_champion)


@leads_to(GateStatus.PASS, "beats_baseline", 14, 0.75)
@leads_to(GateStatus.FAIL, "beats_baseline", 14, 0.25)
@leads_to(GateStatus.INSUFFICIENT, "beats_baseline", 3, 0.75)
@leads_to(GateStatus.NOT_APPLICABLE, "no_worse_than_champion", 14, 0.75)
@leads_to(GateStatus.WARN, "too_good_brier", 14, 0.999)
def _gate_status(_: Place, check: str, days: int, score: float) -> GateStatus:
    report = judge_holdout(days, score, too_good={"brier": 0.01})
    return next(each.status for each in report.checks if each.name == check)


# --- decisions -------------------------------------------------------------------------------------------------------


def decide_on(*flags: FlagKind, age_days: int = 14, **changes: Any) -> Action:
    """Decide two weeks after the last training, with open flags."""
    now = datetime(2013, 5, 1, tzinfo=UTC)
    given: dict[str, Any] = {
        "as_of": now,
        "champion": "1",
        "last_trained_as_of": now - timedelta(days=age_days),
        "last_closed_day": date(2013, 4, 29),
        "closed_days_total": 119,
        "closed_days_since_training": 14,
        "flags": tuple(OpenFlag(kind, "it", kind.value) for kind in flags),
        "quality_passed": True,
        "can_recalibrate": True,
        "recalibration_days": 14,
        "recalibration_days_needed": 4,
    }
    policy = Decide(schedule=timedelta(days=28), when=When(bias=0.02, skill=0.0))
    return decide(policy, DecisionInputs(**given | changes)).action


@leads_to(Action.NONE)
@leads_to(Action.NOTIFY, FlagKind.REGIME_DRIFT)
@leads_to(Action.RECALIBRATE, FlagKind.BIAS)
@leads_to(Action.RETRAIN, FlagKind.SKILL)
def _action(_: Place, *flags: FlagKind) -> Action:
    return decide_on(*flags)


@leads_to(State.OK, [SourceHealth("weather", gate_status="OK", gate_passed=True)])
@leads_to(State.WATCH, [SourceHealth("weather", gate_status="OK", gate_passed=True, last_quarantined=2)])
@leads_to(State.ACT, [SourceHealth("weather", gate_status="OK", gate_passed=False)])
@leads_to(State.UNKNOWN, [SourceHealth("weather", gate_status="EMPTY_WINDOW", gate_passed=None)])
def _state(_: Place, sources: list[SourceHealth]) -> State:
    return summarise_data(sources)[0]


def make_flag(kind: FlagKind, version: str = "1") -> Flag:
    """Make a flag on a version."""
    start, end = datetime(2013, 4, 24, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)
    return Flag(kind, "late", version, "it", start, end, end)


# --- files, look-ups, labels -----------------------------------------------------------------------------------------


@leads_to(FileStatus.ADMITTED, 0)
@leads_to(FileStatus.DUPLICATE_CONTENT, 1)
@leads_to(FileStatus.REFUSED, 2)
def _file_status(place: Place, which: int) -> FileStatus:
    source, landing = declare_source(), place.folder / "landing"
    landing.mkdir()
    sound = "origin,observed_ts,wind_mph\nEWR,2013-05-01T10:00:00Z,5.5\n"
    for name, text in (("a.csv", sound), ("b.csv", sound), ("c.csv", "")):
        (landing / name).write_text(text, encoding="utf-8")
    return admit_files(source, landing, place.folder / "admitted", [])[which].status


def look_up(place: Place) -> dict[str, dict[str, Any]]:
    """Look five spine rows up at ten in a table built up to noon, and one in a store: status -> row."""
    gold = frame(
        place.spark(),
        GOLD_COLUMNS,
        [
            make_state("2013-05-01 09:30", origin="OK"),
            make_state("2013-05-01 08:00", origin="EXPIRED"),
            make_state("2013-05-01 11:59", origin="STALE"),
        ],
    )
    spine = frame(
        place.spark(),
        SPINE_COLUMNS,
        [
            *(make_spine_row("2013-05-01 10:00", origin=name) for name in ("OK", "EXPIRED", "NO_ROW", None)),
            make_spine_row("2013-05-01 12:01", origin="STALE"),
        ],
    )
    built, ttl = instant("2013-05-01 12:00"), timedelta(hours=1)
    lookup = Lookup("gold", gold, ("origin",), ("wind",), built, ttl=ttl)
    found = {row["origin"] or "NO_KEY": row for row in rows_of(join_as_of(spine, [lookup]), "origin")}
    return {**found, "AHEAD": look_up_online("2013-05-01 09:00", known_from="2013-05-01 09:30")}


def look_up_online(at: str, known_from: str) -> dict[str, Any]:
    """Look a row up in a store, which holds the newest state alone."""
    declared = BundleTable("gold", ("origin",), ("wind",), None, None, "spec")
    state = StoredState(micros(instant(known_from)), micros(instant(known_from)), (5.0,))
    store = MemoryStore({"gold": published(declared, key_types={"origin": "string"})}, {"gold": {("JFK",): state}})
    columns = {"origin": "string"}
    bundle = make_bundle(tables=(declared,), columns=columns, inputs=("gold__wind",), required=("origin",))
    plan = plan_of(bundle)
    keys = keys_of(plan, [{"origin": "JFK"}])
    found = store.look_up(asked_of(plan, keys))
    (gold,) = resolve(lay_out(plan, found.tables), keys, [micros(instant(at))], found)
    return {"gold__status": gold.statuses[0].value, "gold__wind": gold.values[0] and gold.values[0][0]}


for _lookup in LookupStatus:
    add(_lookup, lambda place, name=_lookup.value: look_up(place)[name]["gold__status"])


def label(place: Place) -> dict[str, dict[str, Any]]:
    """Attach labels to a flight that arrived, one that never left, and one whose day is still open: status -> row."""
    closed, later = instant("2013-05-01 16:00"), instant("2013-05-02 16:00")
    left = {LabelStatus.MATURED: closed, LabelStatus.VOID: closed, LabelStatus.PENDING: later}
    spine = frame(
        place.spark(),
        "flight int, departure_ts timestamp",
        [{"flight": number, "departure_ts": at} for number, at in enumerate(left.values())],
    )
    truth = frame(place.spark(), OUTCOME_COLUMNS, [make_outcome(closed, flight=0), make_outcome(later, flight=2)])
    found = attach_labels(spine, truth, declare_predict(), declare_label(), instant("2013-05-02 18:00"))
    return dict(zip((each.value for each in left), rows_of(found, "flight"), strict=True))


for _label in LabelStatus:
    add(_label, lambda place, name=_label.value: label(place)[name]["label_status"])


@leads_to(Purpose.PRODUCTION, "2013-05-01 10:01")
@leads_to(Purpose.BACKTEST, "2013-05-01 10:00")
@leads_to(Purpose.SHADOW, "2013-05-01 10:01", Purpose.SHADOW)
def _purpose(place: Place, prediction: str, usual: Purpose = Purpose.PRODUCTION) -> str:
    spine = frame(place.spark(), SPINE_COLUMNS, [make_spine_row(prediction)])
    (row,) = rows_of(spine.withColumn("purpose", purpose_of(instant("2013-05-01 10:00"), usual)))
    return str(row["purpose"])


@leads_to(ServedVerdict.CONSISTENT, [1.0], [1.0], [False])
@leads_to(ServedVerdict.STALE, [1.0, 1.0], [1.0, 2.0], [False, True])
@leads_to(ServedVerdict.SKEWED, [1.0, 1.0], [1.0, None], [False, False])
@leads_to(ServedVerdict.UNKNOWN, [], [], [])
def _served_verdict(_: Place, *values: list[Any]) -> ServedVerdict:
    return compare_served(*values).verdict


@leads_to(ParityStatus.OK, 80, 1e-12)
@leads_to(ParityStatus.DIFFERENT, 80, 0.1)
@leads_to(ParityStatus.NO_ROWS, 0, None)
def _parity(_: Place, rows: int, difference: float | None) -> ParityStatus:
    return judge_parity(rows, difference, difference).status


# --- the ledgers -----------------------------------------------------------------------------------------------------


def open_context(place: Place) -> Context:
    """Open a project that has not run yet."""
    place.spark()
    return Context(write_project(place.folder), datetime(2013, 5, 1, tzinfo=UTC))


@leads_to(FlagEvent.RAISED, None)
@leads_to(FlagEvent.SUPERSEDED, "promoted")
@leads_to(FlagEvent.RESOLVED, "rejected")
@leads_to(FlagEvent.CLAIMED, "a turn")
@leads_to(FlagEvent.EXPIRED, "nobody")
def _flag_event(place: Place, outcome: str | None) -> str:
    context = open_context(place)
    bias = make_flag(FlagKind.BIAS)
    raise_flags(context, "late", [bias])
    if outcome == "a turn":
        claim_flags(context, "late", {bias.flag_id: None})
    elif outcome == "nobody":
        end_flags(context.at(datetime(2013, 8, 1, tzinfo=UTC)), context.config.models["late"], bias.model_version)
    elif outcome is not None:
        close_flags(context, "late", "2", outcome)
    events = {str(row["event"]) for row in context.lake.own_rows(FLAGS, None)}
    (found,) = events if outcome is None else events - {FlagEvent.RAISED.value}
    return found


@leads_to(FlagState.OPEN)
@leads_to(FlagState.CLAIMED, FlagEvent.CLAIMED)
@leads_to(FlagState.RESOLVED, FlagEvent.CLAIMED, FlagEvent.RESOLVED)
@leads_to(FlagState.SUPERSEDED, FlagEvent.SUPERSEDED)
@leads_to(FlagState.EXPIRED, FlagEvent.EXPIRED)
def _flag_state(_: Place, *events: FlagEvent) -> FlagState | None:
    flag = make_flag(FlagKind.BIAS)
    record = flag_state([FlagEntry(flag, event, flag.as_of) for event in (*events, FlagEvent.RAISED)])
    return None if record is None else record.state


@leads_to(Outcome.WRITTEN, 1)
@leads_to(Outcome.SKIPPED, 2)
def _outcome(place: Place, times: int) -> Outcome:
    lake, identity = open_context(place).lake, WriteIdentity("test", "unit")
    row = {"training_set_id": "a", "model": "late", "spec_hash": "b", "inputs": "[]", "windows": "{}", "seed": 7}
    more = {"rows": 0, "content_hash": "c", "data_through": BEGIN, "delta_version": 1, "as_of": BEGIN}
    return [lake.append_own(TRAINING_SETS, [row | more], identity).outcome for _ in range(times)][-1]


BEGIN = datetime(2013, 5, 1, tzinfo=UTC)
MONITORED = {
    FlagKind.QUALITY: ("seats", judge_seats({"seats": [[0, 0, 100]] * 7}, role=Role.CONTRACT)),
    FlagKind.CONTRACT_DRIFT: ("seats", judge_seats({"seats": [[0, 100, 0]] * 7}, role=Role.CONTRACT)),
    FlagKind.REGIME_DRIFT: ("seats", judge_seats({"seats": [[0, 100, 0]] * 7})),
    FlagKind.PREDICTION_DRIFT: (SCORE_COLUMN, replace(judge_seats({"seats": [[0, 100, 0]] * 7}), column=SCORE_COLUMN)),
    FlagKind.TARGET_DRIFT: ("label", judge_seats({"seats": WEEK})),
    FlagKind.BIAS: ("bias", judge_seats({"seats": WEEK})),
    FlagKind.SKILL: ("skill", judge_seats({"seats": WEEK})),
    FlagKind.METRIC_DROP: ("log_loss", judge_seats({"seats": WEEK})),
}
"""Kind of flag -> its subject, and the verdict on the one column of the window that leads to it."""


def alarms_of(
    folder: Path, column: ColumnVerdict, target: RateVerdict, performance: Performance
) -> dict[tuple[str, str], bool | None]:
    """Ask the monitor what alarmed in a window: kind and subject -> True, False, or None where it is not known."""
    week = MonitorWindow(date(2013, 4, 1), date(2013, 4, 7), BEGIN, BEGIN + timedelta(days=7))
    finding = WindowFinding(week, (column,), target, performance, (), 0, lay_out_daily(COUNTS_SCHEMA.empty_table(), []))
    declared = write_project(folder).models["late"]
    model = declared.model_copy(
        update={"decide": Decide(when=When(bias=0.02, skill=0.0, metric_drop={"log_loss": 0.1}))}
    )
    accepted = {"log_loss": 0.5}
    return {(kind.value, subject): alarmed for kind, subject, alarmed, _ in find_alarms(model, finding, accepted)}


for _kind, (_subject, _column) in MONITORED.items():
    add(
        _kind,
        lambda place, kind=_kind, subject=_subject, column=_column: (
            kind if alarms_of(place.folder, column, judge_label(28, 7), measure(outcomes(7)))[kind, subject] else None
        ),
    )
