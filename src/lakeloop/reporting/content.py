"""What the report shows, as plain values; instants are aware and shown in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lakeloop.reporting.calibration import Calibration
from lakeloop.reporting.details import RecordedColumn
from lakeloop.reporting.distributions import Distribution, RateWindow
from lakeloop.reporting.estimates import Estimates
from lakeloop.reporting.judgements import DriftTable, Promotion
from lakeloop.reporting.quality import QualityHistory
from lakeloop.reporting.served import Served
from lakeloop.reporting.slices import Slices
from lakeloop.reporting.windows import Realised, WindowPerformance


class State(StrEnum):
    """How urgently a model wants a person. Only what was judged can be OK."""

    ACT = "act"
    WATCH = "watch"
    OK = "ok"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Headline:
    """The three questions of the person on call, answered in sentences.

    Attributes:
        state: How urgent it is.
        why: What made it so.
        drifted: What drifted.
        hurt: Whether it hurt.
        done: What was done about it, and why.
    """

    state: State
    why: tuple[str, ...]
    drifted: str
    hurt: str
    done: str


@dataclass(frozen=True)
class Champion:
    """The serving model version.

    Attributes:
        version: Version in the registry.
        since: `as_of` of its promotion.
        previous: Version it replaced; None for the first.
        trained_through: Greatest availability of what it learned from.
    """

    version: str
    since: datetime
    previous: str | None
    trained_through: datetime | None


@dataclass(frozen=True)
class Flag:
    """An open flag.

    Attributes:
        kind: What it is about.
        subject: Column, metric or source.
        version: Model version it speaks of.
        window_end: End of the window it was raised for.
        raised: `as_of` at which it was raised.
        evidence: Why: its numbers in words.
    """

    kind: str
    subject: str
    version: str | None
    window_end: datetime | None
    raised: datetime
    evidence: str


@dataclass(frozen=True)
class Turn:
    """What one turn did for a model.

    Attributes:
        as_of: Its logical now.
        champion: Version in force before it; None without any.
        rows_scored: Predictions made for production.
        rows_backtest: Predictions that stay out of monitoring.
        realised: Performance judged in it.
        flags: Kinds of the flags raised, with counts.
        action: The decision; None when none was made.
        outcome: What came of a training; None without any.
        seconds: Wall-clock time of the whole turn, all models; None when it is not recorded.
        rows_landed: Records read from all sources.
        rows_quarantined: Those put into quarantine.
        compared: Features compared with the reference; None when no window was.
        drifted: Those that drifted in a window of the turn.
        unjudged: Those that could not be judged in one.
    """

    as_of: datetime
    champion: str | None
    rows_scored: int
    rows_backtest: int
    realised: Realised
    flags: tuple[str, ...]
    action: str | None
    outcome: str | None
    seconds: float | None
    rows_landed: int = 0
    rows_quarantined: int = 0
    compared: int | None = None
    drifted: int = 0
    unjudged: int = 0


@dataclass(frozen=True)
class Decision:
    """A decision.

    Attributes:
        as_of: When.
        action: What it asks for.
        fired: The rules that asked, blocked or concluded.
        silent: The others.
        inputs: What it looked at, in words.
        policy: The policy that was applied, in words.
    """

    as_of: datetime
    action: str
    fired: tuple[str, ...]
    silent: tuple[str, ...]
    inputs: str = ""
    policy: str = ""


@dataclass(frozen=True)
class ModelReport:
    """Everything shown of one model; all sequences newest first, except windows.

    Attributes:
        model: Its name.
        description: What it is for.
        loss_name: Metric that stands for its loss.
        bias_limit: Bias beyond which the policy acts; None when it declares none.
        champion: The serving version; None without any.
        headline: The answers for the person on call.
        flags: Open flags.
        turns: The last turns.
        windows: Realised performance per window, oldest first.
        promotions: The last judgements of the gate.
        features: Drift of the features.
        outputs: Drift of predictions and target.
        decisions: The last decisions.
        strip: Drift of all columns over more windows, for a glance.
        calibration: Realised calibration.
        label: What is predicted, as declared.
        served: What was served against what the offline tables say.
        slices: The slices of the newest measured window.
        estimates: What was expected of windows before their labels were known.
        distributions: Shares of the score, and of the label's classes, in the newest window.
        rates: The label's mean of the last closed windows, oldest first.
        details: What else was recorded of columns that drifted and of contract columns.
    """

    model: str
    description: str
    loss_name: str
    bias_limit: float | None
    champion: Champion | None
    headline: Headline
    flags: tuple[Flag, ...] = ()
    turns: tuple[Turn, ...] = ()
    windows: tuple[WindowPerformance, ...] = ()
    promotions: tuple[Promotion, ...] = ()
    features: DriftTable = field(default_factory=DriftTable)
    outputs: DriftTable = field(default_factory=DriftTable)
    decisions: tuple[Decision, ...] = ()
    strip: DriftTable = field(default_factory=DriftTable)
    calibration: Calibration = field(default_factory=Calibration)
    label: str = ""
    served: Served = field(default_factory=Served)
    slices: Slices = field(default_factory=Slices)
    estimates: Estimates = field(default_factory=Estimates)
    distributions: tuple[Distribution, ...] = ()
    rates: tuple[RateWindow, ...] = ()
    details: tuple[RecordedColumn, ...] = ()


@dataclass(frozen=True)
class SourceHealth:
    """What arrived from a source, and what the quality gate said last.

    Attributes:
        source: Its name.
        last_as_of: Last ingest that brought rows; None when nothing arrived.
        last_read: Records it read.
        last_quarantined: Records it put into quarantine.
        read: Records read in all; equals the sum of the next four.
        accepted: Rows in bronze.
        quarantined: Rows in quarantine.
        duplicates: Exact duplicates.
        superseded: Rows replaced by a newer one of the same key.
        files_refused: Landed files that were refused.
        refusals: Why, the last ones.
        gate_as_of: When the quality gate judged last; None when it never did.
        gate_status: Whether it could judge.
        gate_passed: Its verdict; None when it could not be judged.
        gate_rows: Rows it looked at.
        failed_checks: Checks that failed or could not be judged, with severity and counts.
    """

    source: str
    last_as_of: datetime | None = None
    last_read: int = 0
    last_quarantined: int = 0
    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    superseded: int = 0
    files_refused: int = 0
    refusals: tuple[str, ...] = ()
    gate_as_of: datetime | None = None
    gate_status: str | None = None
    gate_passed: bool | None = None
    gate_rows: int = 0
    failed_checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepTime:
    """Wall-clock seconds of a step per turn (in the order of `StepTimes.turns`); None where it did not run."""

    job: str
    step: str
    subject: str | None
    seconds: tuple[float | None, ...]
    is_whole: bool = False


@dataclass(frozen=True)
class StepTimes:
    """Where the time went: the last turns, newest first, and their steps."""

    turns: tuple[datetime, ...] = ()
    steps: tuple[StepTime, ...] = ()


@dataclass(frozen=True)
class FailedStep:
    """A step that ended in an error and was not done since."""

    as_of: datetime
    job: str
    step: str
    subject: str | None
    message: str


@dataclass(frozen=True)
class Place:
    """Where something is."""

    what: str
    where: str


@dataclass(frozen=True)
class Report:
    """The whole page.

    Attributes:
        project: The project's name.
        description: What it is for.
        timezone: Its declared zone.
        as_of: The logical now of the report.
        models: One part per model.
        sources: One row per source.
        failed_steps: Steps that failed and were not done since.
        times: Time per step.
        places: Where tables, models and messages are.
        idle_models: Models that are declared but have not been run.
        quality: Quality by source and turn.
        features_page: File of the catalogue of features beside it; empty without one.
        channels: What became of messages that a channel did not carry, a sentence per channel.
    """

    project: str
    description: str
    timezone: str
    as_of: datetime
    models: tuple[ModelReport, ...] = ()
    sources: tuple[SourceHealth, ...] = ()
    failed_steps: tuple[FailedStep, ...] = ()
    times: StepTimes = field(default_factory=StepTimes)
    places: tuple[Place, ...] = ()
    idle_models: tuple[str, ...] = ()
    quality: QualityHistory = field(default_factory=QualityHistory)
    features_page: str = ""
    channels: tuple[str, ...] = ()
