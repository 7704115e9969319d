"""Recalibration: the champion's scores corrected on recent closed days, judged by the gate, its fitted steps shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.config.tree import Config
from lakeloop.discovery.private import private_columns
from lakeloop.discovery.text import count_of
from lakeloop.drift.reference import Reference
from lakeloop.errors import ConflictError, Failure, NotReadyError, UsageError
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.declared import SERVING_TAG, assert_same_model
from lakeloop.runs.failed_models import explaining_model
from lakeloop.runs.flag_life import release_flags
from lakeloop.runs.gate_facts import find_correction_facts
from lakeloop.runs.promote import (
    GateResult,
    Origin,
    judge_and_record,
    refuse_second_judgement,
    refuse_unknown_warnings,
)
from lakeloop.runs.promotions import RECALIBRATION_ACTOR, Promotion, champion_before, read_promotions
from lakeloop.runs.recalibrated_version import CorrectedScores, register_corrected
from lakeloop.runs.recalibration_rows import read_scored_rows
from lakeloop.runs.references import REFERENCE_FILE
from lakeloop.statuses import Outcome
from lakeloop.tables import identity_hash
from lakeloop.training.evidence import constant_score
from lakeloop.training.gate import GateFacts, GateReport, HoldoutScores, judge
from lakeloop.training.recalibration import cross_fit

JOB = "recalibrate"


@dataclass(frozen=True)
class RecalibrateResult:
    """What a recalibration did.

    Attributes:
        model: The model.
        model_version: The corrected version.
        parent_version: The version whose fitted steps it shares: the champion before.
        rows: Scored rows it was fitted on; 0 when the version was there already.
        days: Closed days of them.
        outcome: WRITTEN, or SKIPPED when the version was there already.
        gate: How the gate ended.
    """

    model: str
    model_version: str
    parent_version: str
    rows: int
    days: int
    outcome: Outcome
    gate: GateResult

    @property
    def summary(self) -> str:
        """Rows and days it was fitted on, and what the gate said."""
        fitted = f"fitted on {count_of(self.rows, 'row')} of {count_of(self.days, 'day')}, " if self.rows else ""
        return f"{fitted}version {self.model_version} (from {self.parent_version}) {self.gate.outcome}"

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the gate showed."""
        return self.gate.reasons


@dataclass(frozen=True)
class NotRecalibrated:
    """Why a turn could not do the recalibration that was decided.

    Attributes:
        model: The model.
        reasons: What its rows lack.
    """

    model: str
    reasons: tuple[str, ...]

    @property
    def summary(self) -> str:
        """That nothing was made."""
        return "not possible yet"


def recalibrate_or_say_why(context: Context, name: str) -> RecalibrateResult | NotRecalibrated:
    """Recalibrate as a turn does: rows that do not suffice end no turn, and leave the alarm to the next window.

    The flags that the turn has claimed are resolved then: nothing was judged by which they would be. A bias that stays
    is flagged again.

    Args:
        context: Project, lake and logical now.
        name: The model.

    Returns:
        What was done, or why not.

    Raises:
        ConflictError: As `recalibrate`.
        BudgetError: As `recalibrate`.

    >>> found = recalibrate_or_say_why(fresh, "late")  # an empty workspace
    >>> found.summary, found.reasons
    ('not possible yet', ('champion: nobody was promoted before 2024-02-04T00:00:00Z',))
    """
    try:
        return recalibrate(context, name)
    except NotReadyError as error:
        reasons = tuple(str(each) for each in error.failures)
        release_flags(context, name, reasons)
        return NotRecalibrated(name, reasons)


def recalibrate(context: Context, name: str, acknowledged: Sequence[str] = ()) -> RecalibrateResult:
    """Correct the champion's scores on its recent closed days, register the result, and let the gate judge it.

    The gate is shown scores that were corrected by what was fitted on other stretches of days; the version that is
    registered is then fitted on all of them. It shares its parent's fitted steps and its reference of features, and
    gets a reference of scores of its own.

    Args:
        context: Project, lake and logical now.
        name: The model.
        acknowledged: Names of the gate's blocking warnings that a person lets pass.

    Returns:
        The corrected version and the gate's judgement; the same call gives the same ones.

    Raises:
        UsageError: If the model is of several classes.
        NotReadyError: If there is no champion before, its reference is lost, it has too few closed days, or their
            labels are all equal.
        ConflictError: If the registry lacks the champion, the model's declaration is not what it was trained by, or a
            version was judged at this instant or later.
        BudgetError: If the scored rows do not fit the declared memory budget.

    >>> from lakeloop.errors import ConflictError
    >>> try:
    ...     recalibrate(context, "late")  # a training was judged at this instant
    ... except ConflictError as error:
    ...     print(error.failures[0])
    ledger: version 2 was judged as of 2024-02-04T00:00:00Z
    """
    model, lake = context.config.models[name], context.lake
    refuse_unknown_warnings(model, acknowledged)
    if model.task is Task.MULTICLASS:
        got, allowed = f"{name}, of several classes", f"a model of the task {Task.CLASSIFICATION} or {Task.REGRESSION}"
        raise UsageError(f"recalibrate {name}", got, allowed, "declare estimator.calibrate, and train it again")
    with lake.writing(), explaining_model(context.config, model):
        reconcile_aliases(context, name)
        champion = champion_before(read_promotions(context, name), context.as_of)
        if champion is None:
            found = Failure("champion", f"nobody was promoted before {instant_text(context.as_of)}")
            raise NotReadyError(
                f"model {name}", [found], "train one first: `lakeloop train`, or a first `lakeloop run`"
            )
        parent = context.registry.get_version(name, champion.version, champion.run_key)
        assert_same_model(context.config, model, parent.tags.get(SERVING_TAG))
        settings = model.decide.recalibrate
        run_key = recalibration_run_key(context, model, champion)
        version = context.registry.find_version(name, run_key)
        if version is None:
            _assert_reference(context, parent)
        else:
            context.registry.finish_run(version)
            done = judge_and_record(context, model, version, _origin(champion, version), None, acknowledged)
            if done is not None:
                return RecalibrateResult(name, version.version, champion.version, 0, 0, Outcome.SKIPPED, done)
        refuse_second_judgement(context, name, version)
        context.progress(f"recalibrate {name}: reading scored rows")
        rows = read_scored_rows(context, model, champion)
        others = cross_fit(settings.by, model.task, rows.scores, rows.label, rows.days, settings.folds)
        scores = CorrectedScores(rows, others)
        outcome = Outcome.SKIPPED if version is not None else Outcome.WRITTEN
        made = version or register_corrected(context, model, parent, champion, scores, run_key)
        context.progress(f"gate {name}")

        def measure(serving: Promotion | None) -> GateReport:
            return _judge(context, model, made, parent, scores, serving, champion.training_set_id, acknowledged)

        judged = judge_and_record(context, model, made, _origin(champion, made), measure, acknowledged)
        if judged is None:
            raise AssertionError("with rows there is always a judgement")
        days = len(np.unique(rows.days))
        return RecalibrateResult(name, made.version, champion.version, rows.content.rows, days, outcome, judged)


def _assert_reference(context: Context, parent: ModelVersion) -> None:
    """What a corrected version's features are compared with is its parent's; without it nobody could watch it."""
    try:
        context.registry.read_document(parent, REFERENCE_FILE)
    except ConflictError as gone:
        found = Failure("reference", f"{REFERENCE_FILE} of version {parent.version} is lost")
        raise NotReadyError(f"model {parent.model}", [found], "train a new version: `lakeloop train`") from gone


def _origin(champion: Promotion, version: ModelVersion) -> Origin:
    through = datetime.fromisoformat(version.tags["trained_through"])
    return Origin(champion.training_set_id, through, RECALIBRATION_ACTOR)


def _judge(
    context: Context,
    model: Model,
    version: ModelVersion,
    parent: ModelVersion,
    scores: CorrectedScores,
    champion: Promotion | None,
    set_id: str,
    acknowledged: Sequence[str],
) -> GateReport:
    return judge_corrected(
        context.config,
        model,
        scores,
        Reference.from_json(context.registry.read_document(parent, REFERENCE_FILE)),
        has_champion=champion is not None,
        facts=find_correction_facts(context, model, version, set_id),
        acknowledged=acknowledged,
    )


def judge_corrected(
    config: Config,
    model: Model,
    scores: CorrectedScores,
    reference: Reference,
    *,
    has_champion: bool = True,
    facts: GateFacts | None = None,
    acknowledged: Sequence[str] = (),
) -> GateReport:
    """Judge the scores that no outcome of their own days has touched against those that were served.

    Args:
        config: The project.
        model: The model's declaration.
        scores: Scored rows, as they were served and as they are corrected.
        reference: What the features of the version that served were accepted on.
        has_champion: Whether it serves still.
        facts: What was found around the scores; None to judge the scores alone.
        acknowledged: Names of the blocking warnings that a person lets pass.

    Returns:
        The judgement with its evidence.

    >>> model, first = context.config.models["late"], read_promotions(context, "late")[0]
    >>> rows = read_scored_rows(context, model, first)
    >>> parent = context.registry.get_version("late", first.version, first.run_key)
    >>> reference = Reference.from_json(context.registry.read_document(parent, REFERENCE_FILE))
    >>> report = judge_corrected(context.config, model, CorrectedScores(rows, rows.scores), reference)
    >>> report.rows, report.challenger == report.champion  # nothing is corrected
    (209, True)
    """
    rows, known = scores.rows, reference.target_rate
    if model.task is Task.REGRESSION or known is None:  # a reference knows no median
        known = constant_score(model.task, rows.label)
    holdout = HoldoutScores(
        rows.label, scores.judged, np.full(len(rows.label), known), rows.days, rows.scores, rows.slices
    )
    return judge(
        model.gate,
        model.task,
        holdout,
        has_champion,
        seed=config.project.seed,
        facts=facts,
        acknowledged=acknowledged,
        private=private_columns(config, model),
    )


def recalibration_run_key(context: Context, model: Model, champion: Promotion) -> str:
    """Hash what a corrected version is made from.

    Args:
        context: Project and logical now.
        model: The model's declaration.
        champion: The version whose scores are corrected.

    Returns:
        The hash: the same champion, settings, instant and seed make the same version.

    >>> first, second = read_promotions(context, "late")
    >>> model = context.config.models["late"]
    >>> recalibration_run_key(context, model, first) == recalibration_run_key(context, model, second)
    False
    """
    declared = model.decide.recalibrate.model_dump(mode="json")
    return identity_hash(JOB, model.model, champion.run_key, declared, context.turn, context.config.project.seed)
