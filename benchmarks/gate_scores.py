"""Scores of many models per holdout, each trained on its own resample of whole days of the past.

Every score is kept in a file of its own as soon as it is there, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate_history import MODEL, History, history_path, read_history
from benchmarks.sides import CACHE, ROOT
from lakeloop.config.columns import model_columns
from lakeloop.config.estimator import Parameter
from lakeloop.config.loading import load_config
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.split import HOLDOUT, TRAIN, VALIDATION, assign_split

SEED = 2013
PARAMS: dict[str, Parameter] = {"learning_rate": 0.15, "max_leaf_nodes": 8}
"""For every model the candidate that the declared search takes first; a search would cost four fits a model."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Plan:
    """Which models are trained for which holdouts.

    Attributes:
        holdouts: Disjoint holdouts, one behind the other, the last at the year's end.
        models: Models per holdout, an even number: each is in one pair.
        params: Parameters of the estimator besides the declared ones.
    """

    holdouts: int
    models: int
    params: dict[str, Parameter] = field(default_factory=lambda: dict(PARAMS))


@dataclass(frozen=True)
class Holdout:
    """One holdout with the scores of its models.

    Attributes:
        y: Outcomes, 0 and 1, shape (n_rows,).
        days: Closed day of the row, datetime64[D], shape (n_rows,).
        scores: Scores, shape (n_models, n_rows).
        train_days: Days that each model's resample was drawn from.
        train_rate: Share of late flights in them.
    """

    y: NDArray[np.float64]
    days: NDArray[np.datetime64]
    scores: NDArray[np.float64]
    train_days: int
    train_rate: float


def resample_days(days: NDArray[np.datetime64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw whole days with replacement, as many as there are.

    Args:
        days: Day of each row, shape (n_rows,).
        rng: Of the draws.

    Returns:
        How often each row's day was drawn, shape (n_rows,).
    """
    found, day_of_row = np.unique(days, return_inverse=True)
    drawn: NDArray[np.int64] = rng.multinomial(len(found), np.full(len(found), 1 / len(found)))
    return drawn[day_of_row]


def make_scores(plan: Plan, processes: int, tell: Callable[[str], None]) -> list[Holdout]:
    """Train what is missing and give every holdout's scores.

    Args:
        plan: Holdouts and models.
        processes: Fits at a time, each on one thread.
        tell: Told how far it is.

    Returns:
        The holdouts, the earliest first.
    """
    history = read_history(tell)
    folder = _folder(plan)
    folder.mkdir(parents=True, exist_ok=True)
    missing = [
        (number, holdout)
        for number in range(plan.models)  # all holdouts' first models first: what there is can be looked at early
        for holdout in range(plan.holdouts)
        if not _path(folder, holdout, number).is_file()
    ]
    done, total = plan.models * plan.holdouts - len(missing), plan.models * plan.holdouts
    if missing:
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # two fits of one thread beat one fit of two
        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
            for future in as_completed([pool.submit(_fit, plan, holdout, number) for number, holdout in missing]):
                future.result()
                done += 1
                tell(f"{done} of {total} models")
    return [_read(plan, folder, history, holdout) for holdout in range(plan.holdouts)]


def split_of(history: History, holdout: int, holdouts: int) -> NDArray[np.str_]:
    """Tell each row's part in one holdout's split; rows after it have none."""
    split = load_config(ROOT).models[MODEL].split
    last = history.days[-1].astype(date) - (holdouts - 1 - holdout) * split.holdout
    known = history.days <= np.datetime64(last, "D")
    parts = np.full(history.days.shape, "", dtype="<U10")
    parts[known] = assign_split(history.days[known], split, last)
    return parts


def _folder(plan: Plan) -> Path:
    """Give the folder of the scores: other rows, parameters or places of the holdouts have another."""
    model = load_config(ROOT).models[MODEL]
    declared = model.model_dump(mode="json", exclude_unset=True, include={"split", "preprocess", "estimator"})
    made_by = [plan.params, plan.holdouts, SEED, history_path().stat().st_size, declared]
    return CACHE / "gate_scores" / hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]


def _path(folder: Path, holdout: int, number: int) -> Path:
    return folder / f"{holdout:02d}_{number:03d}.npy"


@cache
def _shared() -> History:
    return read_history()


def _fit(plan: Plan, holdout: int, number: int) -> None:
    history, config = _shared(), load_config(ROOT)
    model = config.models[MODEL]
    parts = split_of(history, holdout, plan.holdouts)
    train = np.flatnonzero(parts == TRAIN)
    seed = int(np.random.SeedSequence([SEED, holdout, number]).generate_state(1)[0])
    # Copies, not weights: with weights the binning of boosted trees takes three times as long as the fit itself.
    rows = np.repeat(train, resample_days(history.days[train], np.random.default_rng(seed)))
    drawn, apart = (
        LabelledRows(history.frame.iloc[chosen], history.label[chosen])
        for chosen in (rows, np.flatnonzero(parts == VALIDATION))
    )
    prepared = prepare_rows(model, model_columns(config, model), drawn, apart, seed)
    fitted = fit_estimator(model, prepared, plan.params, seed)
    scores = predict_scores(model.task, fitted.pipeline, history.frame[parts == HOLDOUT])
    path = _path(_folder(plan), holdout, number)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, scores)
    part.replace(path)


def _read(plan: Plan, folder: Path, history: History, holdout: int) -> Holdout:
    parts = split_of(history, holdout, plan.holdouts)
    judged, train = parts == HOLDOUT, parts == TRAIN
    scores = np.stack([np.load(_path(folder, holdout, number)) for number in range(plan.models)])
    return Holdout(
        history.label[judged].astype(np.float64),
        history.days[judged],
        scores,
        len(np.unique(history.days[train])),
        float(history.label[train].mean()),
    )
