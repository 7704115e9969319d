"""A challenger of a training on its pinned holdout, beside the champion: what the gate is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lakeloop.config.model import Model
from lakeloop.config.tree import Config
from lakeloop.discovery.private import private_columns
from lakeloop.model_versions import ModelVersion
from lakeloop.runs.context import Context
from lakeloop.runs.gate_facts import find_facts
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.training_data import TrainingData
from lakeloop.training.evidence import constant_scores
from lakeloop.training.fitting import predict_scores
from lakeloop.training.gate import GateFacts, GateReport, HoldoutScores, judge
from lakeloop.training.split import HOLDOUT, TRAIN


@dataclass(frozen=True)
class HoldoutRows:
    """The holdout of a training set, as the gate judges on it.

    Attributes:
        frame: Model inputs, one row per holdout row.
        label: Labels, shape [n_rows].
        days: Blocks, datetime64[D], shape [n_rows].
        prediction_seconds: `prediction_ts` as seconds since the epoch, shape [n_rows].
        constant: Scores of the constant model, fitted on the training part, shape [n_rows].
        slices: Slice column of the gate -> its values, each of shape [n_rows].

    >>> from lakeloop.runs.training_data import read_training_data
    >>> from lakeloop.runs.training_set import find_training_set
    >>> model = context.config.models["late"]
    >>> rows = HoldoutRows.of(model, read_training_data(context, model, find_training_set(context, "late")))
    >>> len(rows.label), [*rows.slices], len(set(rows.constant))
    (112, ['shop'], 1)
    """

    frame: pd.DataFrame
    label: NDArray[np.float64]
    days: NDArray[np.datetime64]
    prediction_seconds: NDArray[np.float64]
    constant: NDArray[np.float64]
    slices: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, model: Model, data: TrainingData) -> HoldoutRows:
        """Take the holdout of a training set.

        Args:
            model: The model's declaration.
            data: The training set.

        Returns:
            Its holdout rows, in their order.
        """
        holdout = data.part(HOLDOUT)
        label = data.label[holdout]
        return cls(
            data.frame[holdout],
            label,
            data.days[holdout],
            data.prediction_seconds[holdout],
            constant_scores(model, data.label[data.part(TRAIN)], len(label)),
            {
                name: np.asarray((data.frame if name in data.frame else data.logged)[name][holdout])
                for name in model.gate.slices
            },
        )


def judge_holdout(
    config: Config,
    model: Model,
    rows: HoldoutRows,
    challenger: NDArray[np.float64],
    champion: tuple[NDArray[np.float64], datetime] | None,
    *,
    facts: GateFacts | None = None,
    acknowledged: Sequence[str] = (),
) -> GateReport:
    """Judge scores of the holdout.

    Args:
        config: The project.
        model: The model's declaration.
        rows: The holdout.
        challenger: Scores of the challenger, shape [n_rows].
        champion: Scores of the version that serves, of the same shape, and its `trained_through`: rows that it may have
            learned from are not compared. None without anybody.
        facts: What was found around the scores; None to judge the scores alone.
        acknowledged: Names of the blocking warnings that a person lets pass.

    Returns:
        The judgement with its evidence.

    >>> days = np.repeat(np.arange("2024-01-01", "2024-01-06", dtype="datetime64[D]"), 2)
    >>> label, half = np.tile([0.0, 1.0], 5), np.full(10, 0.5)
    >>> rows = HoldoutRows(pd.DataFrame(), label, days, np.zeros(10), half, {"shop": np.array(["A"] * 10)})
    >>> judge_holdout(shops, shops.models["late"], rows, 0.25 + label / 2, None).passed
    True
    """
    theirs: NDArray[np.float64] | None = None
    if champion is not None:
        theirs = np.array(champion[0])
        theirs[rows.prediction_seconds <= champion[1].timestamp()] = np.nan
    scores = HoldoutScores(rows.label, challenger, rows.constant, rows.days, theirs, rows.slices)
    return judge(
        model.gate,
        model.task,
        scores,
        champion is not None,
        seed=config.project.seed,
        facts=facts,
        acknowledged=acknowledged,
        private=private_columns(config, model),
    )


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
    rows, classes = HoldoutRows.of(model, data), len(model.label.classes)
    challenger = predict_scores(model.task, context.registry.load_judged(version), rows.frame, classes)
    serves = None
    if champion is not None:
        serving = context.registry.get_version(model.model, champion.version, champion.run_key)
        theirs = predict_scores(model.task, context.registry.load_pipeline(serving), rows.frame, classes)
        serves = (theirs, champion.trained_through)
    pipeline = context.registry.load_pipeline(version)
    return judge_holdout(
        context.config,
        model,
        rows,
        challenger,
        serves,
        facts=find_facts(context, model, version, data.training_set, pipeline, rows.frame),
        acknowledged=acknowledged,
    )
