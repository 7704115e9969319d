"""What the demo shows at its end: turn by turn what happened, and where the time went; all of it from the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table

WIDTH = 100
"""Columns of the tables that are printed."""

_PROMOTED = "promoted"
_NONE = "-"


@dataclass(frozen=True)
class LedgerStep:
    """A row of the run ledger.

    Attributes:
        as_of: Logical now of the job, UTC.
        job: Verb that was called.
        step: Step of it.
        subject: Model the step was for; None for the whole project.
        result: What the step reported.
        seconds: Wall-clock duration.
    """

    as_of: datetime
    job: str
    step: str
    subject: str | None
    result: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True)
class RealisedLoss:
    """The realised loss of one window, closed days only.

    Attributes:
        as_of: Turn that evaluated the window, UTC.
        model: The model.
        metric: The loss.
        value: Of the champion; None when it could not be judged.
        baseline: Of the constant prediction, on the same rows.
        rows: Rows it was measured on.
        version: The version that was measured.
    """

    as_of: datetime
    model: str
    metric: str
    value: float | None
    baseline: float | None
    rows: int
    version: str


@dataclass(frozen=True)
class Loss:
    """A loss next to that of the constant baseline on the same rows.

    Attributes:
        model: Of the model.
        baseline: Of the constant.
    """

    model: float
    baseline: float | None

    def __str__(self) -> str:
        return f"{self.model:.4f}/{_NONE if self.baseline is None else f'{self.baseline:.4f}'}"


@dataclass(frozen=True)
class TurnSummary:
    """What happened to one model in one turn.

    Attributes:
        as_of: Logical now of the turn, UTC.
        model: The model.
        metric: The loss its gate compares.
        champion: Version that serves after the turn; None while there is none.
        rows_scored: Rows scored in the turn; None without a champion before it.
        holdout: Challenger on the holdout; None when nothing was trained.
        realised: Champion on the windows evaluated in the turn, by rows; None when no window could be judged.
        drifted: Columns with verdict DRIFT in the last of these windows.
        flags: Flags raised; None when nothing was monitored.
        decision: What was decided.
        outcome: How the training ended, `promoted 2`; None when nothing was trained.
        seconds: Wall-clock seconds of the model's steps.
        judged: Columns that were judged in the last of these windows; None where that was not noted.
    """

    as_of: datetime
    model: str
    metric: str
    champion: str | None
    rows_scored: int | None
    holdout: Loss | None
    realised: Loss | None
    drifted: tuple[str, ...]
    flags: int | None
    decision: str | None
    outcome: str | None
    seconds: float
    judged: int | None = None


@dataclass(frozen=True)
class StepTime:
    """Time of a step over all turns.

    Attributes:
        step: The step.
        calls: How often it was called.
        seconds: Wall-clock seconds altogether.
    """

    step: str
    calls: int
    seconds: float


@dataclass(frozen=True)
class DemoResult:
    """What a demo did, and where everything is.

    Attributes:
        as_of: Logical now of the last turn, UTC.
        turns: Model by model, turn by turn.
        turn_seconds: Turn (its date) -> wall-clock seconds of all its steps.
        steps: Time per step, in the order of a turn.
        seconds: Wall-clock seconds of this call; a resumed one counts from its own start.
        report: The page.
        tables: Folder of the tables.
        tracking_uri: MLflow tracking address.
    """

    as_of: datetime
    turns: tuple[TurnSummary, ...]
    turn_seconds: Mapping[str, float]
    steps: tuple[StepTime, ...]
    seconds: float
    report: Path
    tables: Path
    tracking_uri: str


def summarise_turns(
    steps: Sequence[LedgerStep], realised: Iterable[RealisedLoss], losses: Mapping[str, str]
) -> tuple[TurnSummary, ...]:
    """Put together what happened, from the ledger and the realised performance.

    Args:
        steps: Steps of whole turns; of a step recorded twice the last counts.
        realised: Realised losses per window.
        losses: Model -> the loss its gate compares.

    Returns:
        One summary per model and turn in which the model took part, ordered by model and time.

    >>> at = datetime(2013, 5, 1)
    >>> gate = {"outcome": "promoted", "metrics": {"challenger": {"log_loss": 0.41}, "baseline": {"log_loss": 0.52}}}
    >>> trained = LedgerStep(at, "run", "train", "late", {"model_version": 1, "gate": gate}, 12.5)
    >>> (turn,) = summarise_turns([trained], [], {"late": "log_loss"})
    >>> turn.champion, turn.outcome, str(turn.holdout), turn.rows_scored
    ('1', 'promoted 1', '0.4100/0.5200', None)
    """
    done = {(each.subject, each.as_of, each.step): each for each in steps if each.subject is not None}
    windows = list(realised)
    found: list[TurnSummary] = []
    for model, metric in losses.items():
        champion: str | None = None
        for as_of in sorted({moment for subject, moment, _ in done if subject == model}):
            own = {step: each for (subject, at, step), each in done.items() if (subject, at) == (model, as_of)}
            results = {step: each.result for step, each in own.items()}
            monitored = results.get("monitor")
            made = [results[step] for step in ("train", "recalibrate") if "gate" in results.get(step, {})]
            trained = made[0] if made else None  # one version is judged in a turn
            gate: Mapping[str, Any] = trained["gate"] if trained is not None else {}
            if trained is not None and gate["outcome"] == _PROMOTED:
                champion = str(trained["model_version"])
            found.append(
                TurnSummary(
                    as_of=as_of,
                    model=model,
                    metric=metric,
                    champion=champion,
                    rows_scored=results["score"]["rows"] if "score" in results else None,
                    holdout=_holdout_loss(gate, metric),
                    realised=mean_loss(
                        each
                        for each in windows
                        if (each.model, each.metric, each.as_of) == (model, metric, as_of)
                        if monitored is not None and each.version == str(monitored["model_version"])
                    ),
                    drifted=tuple(monitored["drifted"]) if monitored is not None else (),
                    flags=int(monitored["flags"]) if monitored is not None else None,
                    decision=results["decide"]["action"] if "decide" in results else None,
                    outcome=f"{gate['outcome']} {trained['model_version']}" if trained is not None else None,
                    seconds=sum(each.seconds for each in own.values()),
                    judged=monitored.get("judged") if monitored is not None else None,
                )
            )
    return tuple(found)


def mean_loss(windows: Iterable[RealisedLoss]) -> Loss | None:
    """Average losses over windows by their rows.

    Args:
        windows: Realised losses of one model and metric; one without a value counts nowhere.

    Returns:
        The mean, next to the baseline's where every counted window has one; None without a judged row.

    >>> at = datetime(2013, 5, 1)
    >>> first, second = RealisedLoss(at, "m", "l", 0.4, 0.5, 300, "1"), RealisedLoss(at, "m", "l", 0.8, 0.9, 100, "1")
    >>> print(mean_loss([first, second]))
    0.5000/0.6000
    """
    judged = [(each.value, each.baseline, each.rows) for each in windows if each.value is not None and each.rows > 0]
    rows = sum(count for *_, count in judged)
    if not rows:
        return None
    baselines = [baseline * count for _, baseline, count in judged if baseline is not None]
    whole = sum(baselines) / rows if len(baselines) == len(judged) else None
    return Loss(sum(value * count for value, _, count in judged) / rows, whole)


def time_steps(steps: Iterable[LedgerStep]) -> tuple[StepTime, ...]:
    """Add up the time per step.

    Args:
        steps: Rows of the ledger.

    Returns:
        Steps in the order in which they first appear.

    >>> may, june = datetime(2013, 5, 1), datetime(2013, 6, 1)
    >>> time_steps([LedgerStep(at, "run", "ingest", None, {}, 2.5) for at in (may, june)])
    (StepTime(step='ingest', calls=2, seconds=5.0),)
    """
    calls: dict[str, list[float]] = {}
    for each in steps:
        calls.setdefault(each.step, []).append(each.seconds)
    return tuple(StepTime(step, len(seconds), sum(seconds)) for step, seconds in calls.items())


def time_turns(steps: Iterable[LedgerStep]) -> dict[str, float]:
    """Add up the time per turn.

    Args:
        steps: Rows of the ledger.

    Returns:
        UTC date of the turn -> seconds of its steps, in order of time.

    >>> may, june = datetime(2013, 5, 1), datetime(2013, 6, 1)
    >>> time_turns([LedgerStep(at, "run", "ingest", None, {}, 2.5) for at in (june, may, may)])
    {'2013-05-01': 5.0, '2013-06-01': 2.5}
    """
    seconds: dict[str, float] = {}
    for each in sorted(steps, key=lambda step: step.as_of):
        day = _day(each.as_of)
        seconds[day] = seconds.get(day, 0.0) + each.seconds
    return seconds


def describe_demo(result: DemoResult) -> str:
    """Write what a demo did for a person.

    Args:
        result: What it did.

    Returns:
        Tables within `WIDTH` columns; paths stand on lines of their own and are never wrapped.

    >>> times, page, tables = (StepTime("ingest", 4, 21.0),), Path("/ws/report.html"), Path("/ws")
    >>> print(describe_demo(DemoResult(datetime(2013, 7, 1), (), {}, times, 30.5, page, tables, "http://mlflow")))
    time, from ops.runs
    step                    calls seconds
    ─────────────────────────────────────
    ingest                      4    21.0
    <BLANKLINE>
    all steps                   4    21.0
    this call, start to end          30.5
    <BLANKLINE>
    report  /ws/report.html
    tables  /ws
    MLflow  http://mlflow
    """
    page = StringIO()
    console = Console(file=page, width=WIDTH, color_system=None, legacy_windows=False)
    for model in dict.fromkeys(each.model for each in result.turns):
        console.print(_turn_table([each for each in result.turns if each.model == model], result.turn_seconds), "")
    console.print(_time_table(result), "")
    lines = [line.rstrip() for line in page.getvalue().splitlines()]
    lines += [f"report  {result.report}", f"tables  {result.tables}", f"MLflow  {result.tracking_uri}"]
    return "\n".join(lines)


def _holdout_loss(gate: Mapping[str, Any], metric: str) -> Loss | None:
    metrics: Mapping[str, Mapping[str, float | None]] = gate.get("metrics", {})
    value = metrics.get("challenger", {}).get(metric)
    return None if value is None else Loss(value, metrics.get("baseline", {}).get(metric))


def _table(title: str, *columns: tuple[str, JustifyMethod]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for name, justify in columns:
        table.add_column(name, justify=justify, no_wrap=True)
    return table


def _turn_table(turns: Sequence[TurnSummary], turn_seconds: Mapping[str, float]) -> Table:
    table = _table(
        f"{turns[0].model}: {turns[0].metric} of the model/of the constant baseline",
        ("as of", "left"),
        ("champion", "left"),
        ("scored", "right"),
        ("holdout", "left"),
        ("realised", "left"),
        ("drift", "right"),
        ("flags", "right"),
        ("decision", "left"),
        ("outcome", "left"),
        ("seconds", "right"),
    )
    for each in turns:
        monitored = each.flags is not None
        table.add_row(
            _day(each.as_of),
            each.champion or _NONE,
            _NONE if each.rows_scored is None else f"{each.rows_scored:,}",
            str(each.holdout or _NONE),
            str(each.realised or _NONE),
            str(len(each.drifted)) if monitored and each.judged != 0 else _NONE,
            str(each.flags) if monitored else _NONE,
            each.decision or _NONE,
            each.outcome or _NONE,
            f"{turn_seconds.get(_day(each.as_of), each.seconds):.0f}",
        )
    return table


def _time_table(result: DemoResult) -> Table:
    table = _table("time, from ops.runs", ("step", "left"), ("calls", "right"), ("seconds", "right"))
    for each in result.steps:
        table.add_row(each.step, str(each.calls), f"{each.seconds:.1f}")
    table.add_section()
    whole = sum(each.seconds for each in result.steps)
    table.add_row("all steps", str(sum(each.calls for each in result.steps)), f"{whole:.1f}")
    table.add_row("this call, start to end", "", f"{result.seconds:.1f}")
    return table


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
