"""A challenger of a training on its pinned holdout, beside the champion: what the gate is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lakeloop.config.model import Model
from lakeloop.discovery.private import private_columns
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.gate_facts import find_facts
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.training_data import TrainingData
from lakeloop.training.evidence import constant_scores
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import GateReport, HoldoutScores, judge
from lakeloop.training.split import HOLDOUT, TRAIN


def judge_on_holdout(
    context: Context,
    model: Model,
    version: ModelVersion,
    data: TrainingData,
    champion: Promotion | None,
    acknowledged: Sequence[str] = (),
) -> GateReport:
    """Score the holdout with the logged artifacts, not with what is in memory, and judge.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        version: The challenger.
        data: The training set it was trained on.
        champion: Who serves; None without anybody. Rows that it may have learned from are not compared.
        acknowledged: Names of the blocking warnings that a person lets pass.

    Returns:
        The judgement with its evidence.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> model, (first, newest) = context.config.models["late"], read_promotions(context, "late")
    >>> version = context.registry.get_version("late", newest.version, newest.run_key)
    >>> data = read_training_data(context, model, find_training_set(context, "late"))
    >>> report = judge_on_holdout(context, model, version, data, champion=first)
    >>> report.passed, report.rows
    (True, 112)
    """
    holdout, train = data.part(HOLDOUT), data.part(TRAIN)
    frame, label = data.frame[holdout], data.label[holdout]
    classes = len(model.label.classes)
    challenger = predict_scores(model.task, context.registry.load_judged(version), frame, classes)
    constant = constant_scores(model, data.label[train], len(label))
    theirs: NDArray[np.float64] | None = None
    if champion is not None:
        serving = context.registry.get_version(model.model, champion.version, champion.run_key)
        theirs = np.array(predict_scores(model.task, context.registry.load_pipeline(serving), frame, classes))
        learned = data.prediction_seconds[holdout] <= champion.trained_through.timestamp()
        theirs[learned] = np.nan
    slices = {
        name: np.asarray((data.frame if name in data.frame else data.logged)[name][holdout])
        for name in model.gate.slices
    }
    scores = HoldoutScores(label, challenger, constant, data.days[holdout], theirs, slices)
    return judge(
        model.gate,
        model.task,
        scores,
        champion is not None,
        seed=context.config.project.seed,
        facts=find_facts(context, model, version, data.training_set, context.registry.load_pipeline(version), frame),
        acknowledged=acknowledged,
        private=private_columns(context.config, model),
    )
