"""What a decision is given: looked up as of just before this turn's training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from pyspark.sql import functions as F

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.predict import PREDICTION_TS
from lakeloop.config.split import Split
from lakeloop.decisions.flags import FlagRecord
from lakeloop.decisions.inputs import DecisionInputs, OpenFlag, PastAnswer
from lakeloop.labels.calendar import last_closed_day
from lakeloop.labels.closing import attach_labels, local_date
from lakeloop.labels.grid import first_periods
from lakeloop.labels.spine import prediction_instant
from lakeloop.runs.context import Context
from lakeloop.runs.flag_life import claimant, find_ended
from lakeloop.runs.flags import read_flags
from lakeloop.runs.promotions import (
    PROMOTED,
    RECALIBRATION_ACTOR,
    Promotion,
    champion_before,
    read_promotions,
)
from lakeloop.runs.quality import read_gate
from lakeloop.runs.spine import spine_as_of
from lakeloop.runs.truth import read_truth
from lakeloop.runs.windows import ended_windows
from lakeloop.statuses import Action, FlagKind, FlagState, LabelStatus, LedgerEvent, PromotionOutcome
from lakeloop.training.split import MIN_TRAIN_DAYS

_REMEMBERED = 16
"""Judgements that a decision is told of at least: more in a row than back-off doubles for."""


@dataclass(frozen=True)
class FromRows:
    """What a decision is told that is no event, but asked of sources and their quality.

    Attributes:
        first_day: First day of the spine; None without rows.
        quality_passed: Whether the quality gate passed on the newest data; None when it was not judged.
        count_new_rows: Counts the labelled rows of the days that closed after a training, up to a day.
    """

    first_day: date | None
    quality_passed: bool | None
    count_new_rows: Callable[[datetime, date], int]


def ask_rows(context: Context, model: Model) -> FromRows:
    """Ask sources and their quality at the logical now.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.

    Returns:
        What they say; rows are counted when they are asked for.

    >>> found = ask_rows(context, context.config.models["late"])
    >>> str(found.first_day), found.quality_passed
    ('2024-01-01', True)
    """
    return FromRows(_first_day(context, model), read_gate(context), partial(_count_new_rows, context, model))


def gather_inputs(context: Context, model: Model, asked: FromRows | None = None) -> DecisionInputs:
    """Look up everything the policy is given, as of just before this turn's training.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        asked: What sources and their quality say; they are asked without it.

    Returns:
        The inputs; nothing is written.

    >>> inputs = gather_inputs(context, context.config.models["late"])
    >>> inputs.champion, inputs.can_recalibrate, [(each.version, each.outcome.value) for each in inputs.history]
    ('1', True, [('1', 'promoted')])
    """
    found = asked or ask_rows(context, model)
    before = [each for each in read_promotions(context, model.model) if each.as_of < context.as_of]
    champion = champion_before(before, context.as_of)
    trained = [each for each in before if each.is_training]
    last_trained = trained[-1].as_of if trained else None
    closes = model.label.closes
    closed = last_closed_day(context.as_of, closes)
    total = 0 if found.first_day is None else max(0, (closed - found.first_day).days + 1)
    since = total if last_trained is None else (closed - last_closed_day(last_trained, closes)).days
    version = champion.version if champion is not None else None
    records = read_flags(context, model.model)
    flags = _open_flags(context, model, records, version)
    asks_for_rows = model.decide.when.new_rows is not None and champion is not None and last_trained is not None
    return DecisionInputs(
        as_of=context.as_of,
        champion=version,
        last_trained_as_of=last_trained,
        last_closed_day=closed if total else None,
        closed_days_total=total,
        closed_days_since_training=max(0, min(since, total)),
        flags=tuple(sorted(flags, key=lambda flag: (flag.kind, flag.subject, flag.flag_id))),
        quality_passed=found.quality_passed,
        closed_days_needed=days_needed(model.split),
        can_recalibrate=champion is not None and model.task is not Task.MULTICLASS,
        recalibration_days=0 if version is None else _served_days(model, before, version, closed),
        recalibration_days_needed=model.decide.recalibrate.folds,
        windows_since_recalibration=_windows_since_recalibration(model, before, champion, records),
        history=_history(model, before, records),
        new_rows=found.count_new_rows(last_trained, closed) if asks_for_rows and last_trained else None,
        local_date=context.as_of.astimezone(context.config.project.zone).date(),
    )


def _open_flags(context: Context, model: Model, records: Sequence[FlagRecord], champion: str | None) -> list[OpenFlag]:
    """List the open flags about the champion, with the turn that claims each by now, be it a later one."""
    ended = set() if champion is None else {flag.flag_id for flag, _, _ in find_ended(context, model, champion)}
    claims = {each.flag.flag_id: claimant(each, context.as_of) for each in read_flags(context, model.model, whole=True)}
    return [
        OpenFlag(each.flag.kind, each.flag.subject, each.flag.flag_id, claims[each.flag.flag_id])
        for each in records
        if each.is_open and (champion is None or each.flag.model_version == champion)
        if each.flag.flag_id not in ended
    ]


def _served_days(model: Model, before: Sequence[Promotion], version: str, closed: date) -> int:
    """Count the closed days on which a version served, of those that a recalibration looks at."""
    zone = ZoneInfo(model.label.closes.timezone)
    served: set[date] = set()
    made = [each for each in before if each.outcome == PROMOTED]
    ends = [*(each.as_of.astimezone(zone).date() for each in made[1:]), closed]
    first = closed - model.decide.recalibrate.window + timedelta(days=1)
    for event, end in zip(made, ends, strict=True):
        if event.version == version:
            day = max(first, event.as_of.astimezone(zone).date())
            served |= {day + timedelta(days=number) for number in range((min(end, closed) - day).days + 1)}
    return len(served)


def _windows_until(model: Model, champion_as_of: datetime, since: datetime, until: datetime) -> int:
    """Count the windows of a champion that ended after an instant and up to another."""
    zone = model.label.closes.timezone
    return sum(each.end > since for each in ended_windows(champion_as_of, until, model.monitor.window, zone))


def _windows_since_recalibration(
    model: Model, before: Sequence[Promotion], champion: Promotion | None, records: Sequence[FlagRecord]
) -> int | None:
    """Count the windows from the last recalibration to the newest flag of bias; a training since starts anew."""
    if champion is None:
        return None
    fitted = [each.as_of for each in before if each.is_training and each.outcome == PROMOTED]
    judged = [each.as_of for each in before if _is_recalibration(each) and (not fitted or each.as_of > fitted[-1])]
    ends = [
        each.flag.window_end
        for each in records
        if each.is_open and each.flag.kind is FlagKind.BIAS and each.flag.model_version == champion.version
    ]
    if not judged or not ends:
        return None
    return _windows_until(model, champion.as_of, judged[-1], max(ends))


def _is_recalibration(event: Promotion) -> bool:
    return event.event is LedgerEvent.GATE and event.actor == RECALIBRATION_ACTOR


def _history(model: Model, before: Sequence[Promotion], records: Sequence[FlagRecord]) -> tuple[PastAnswer, ...]:
    """List what the gate judged, oldest first, each with the alarm that asked for it and came back."""
    judged = {each.version: each for each in before if each.event is LedgerEvent.GATE}  # the newest row of a version
    found = []
    for version, event in judged.items():
        promoted = next((each for each in before if each.version == version and each.outcome == PROMOTED), None)
        back = None if promoted is None else _came_back(model, version, promoted.as_of, records)
        found.append(
            PastAnswer(
                event.as_of,
                Action.RECALIBRATE if _is_recalibration(event) else Action.RETRAIN,
                version,
                PromotionOutcome(event.outcome) if promoted is None else PromotionOutcome.PROMOTED,
                *(back or (None, None)),
            )
        )
    budget = model.decide.budget
    allowed = () if budget is None else (budget.retrain, budget.recalibrate)
    most = max((_REMEMBERED, *(2 * each.count for each in allowed if each is not None)))
    return tuple(found[-most:])


def _came_back(
    model: Model, version: str, since: datetime, records: Sequence[FlagRecord]
) -> tuple[FlagKind, int] | None:
    """Find the first alarm that a version was to end and that was raised about it, and after how many windows."""
    asked = {
        (each.flag.kind, each.flag.subject)
        for each in records
        if each.state in (FlagState.SUPERSEDED, FlagState.RESOLVED) and each.ending.get("judged_version") == version
    }
    again = [
        (_windows_until(model, since, since, each.flag.window_end), each.flag.kind)
        for each in records
        if each.flag.model_version == version and (each.flag.kind, each.flag.subject) in asked
        if _asks(model, each.flag.kind)
    ]
    if not again:
        return None
    windows, kind = min(again)
    return kind, windows


def _asks(model: Model, kind: FlagKind) -> bool:
    """Whether an alarm of a kind is one that a training is to end."""
    if kind in (FlagKind.BIAS, FlagKind.SKILL, FlagKind.METRIC_DROP):
        return True
    named = {name.value for rule in model.decide.rules if rule.do != "notify" for name in rule.names()}
    return kind.value in named or getattr(model.decide.when, kind.value, None) == "retrain"


def _count_new_rows(context: Context, model: Model, last_trained: datetime, closed: date) -> int:
    """Count the labelled rows of the days that closed after a training."""
    closes = model.label.closes
    labelled = attach_labels(
        spine_as_of(context, model), read_truth(context, model), model.predict, model.label, context.as_of
    )
    return labelled.where(
        (F.col("label_status") == LabelStatus.MATURED.value)
        & (F.col("block_date") > F.lit(last_closed_day(last_trained, closes)))
        & (F.col("block_date") <= F.lit(closed))
    ).count()


def days_needed(split: Split) -> int:
    """Count the closed days without which a training set can't be split.

    Args:
        split: The declared split.

    Returns:
        Days: validation, calibration, holdout, the gaps before them, and the least there is to be for training.

    >>> days_needed(Split(validation=timedelta(days=14), holdout=timedelta(days=28), gap=timedelta(days=1)))
    51
    """
    return MIN_TRAIN_DAYS + split.held_out // timedelta(days=1)


def _first_day(context: Context, model: Model) -> date | None:
    address = context.lake.address("bronze", model.predict.from_)
    if not context.lake.exists(address):
        return None
    closes = model.label.closes
    rows = context.lake.read(address, context.as_of)
    if model.predict.every is not None:
        rows = first_periods(rows, model.predict)
    of = prediction_instant(model.predict) if closes.of == PREDICTION_TS else F.col(closes.of)
    found = rows.agg(F.min(local_date(of, closes.timezone))).first()
    day: date | datetime | None = found[0] if found is not None else None
    return day
