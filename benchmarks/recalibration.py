"""What a recalibration brings and costs beside a training, month by month on the flights' own history.

    python -m benchmarks.recalibration

At the beginning of each month (28 days) stands a champion that was trained a month ago. It goes on as it is, or is
corrected on what it scored in that month (`lakeloop recalibrate`: intercept, or Platt), or a new one is trained on all
days there are. All four are judged on the month that follows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.gate_history import MODEL, History, read_history
from benchmarks.gate_scores import PARAMS, split_of
from benchmarks.report import describe_machine
from benchmarks.sides import ROOT
from lakeloop.config.columns import model_columns
from lakeloop.config.decide import RecalibrationMethod
from lakeloop.config.loading import load_config
from lakeloop.config.metric import Metric, Task
from lakeloop.training.fitting import LabelledRows, fit_estimator, predict_scores, prepare_rows
from lakeloop.training.metrics import row_losses
from lakeloop.training.recalibration import fit_correction
from lakeloop.training.split import HOLDOUT, TRAIN, VALIDATION

MONTHS = 9
KEPT, INTERCEPT, PLATT, RETRAINED = "kept", "intercept", "platt", "retrained"
WAYS = (KEPT, INTERCEPT, PLATT, RETRAINED)


@dataclass(frozen=True)
class Judged:
    """What one way gave on a month.

    Attributes:
        loss: Mean log loss, nats.
        bias: Mean score minus share of late flights.
        seconds: Wall time of what had to be fitted; reading and logging are not counted.
    """

    loss: float
    bias: float
    seconds: float


def judge_scores(scores: NDArray[np.float64], label: NDArray[Any], seconds: float) -> Judged:
    """Judge scores of a month.

    Args:
        scores: Probabilities of True, shape (n_rows,).
        label: Outcomes, shape (n_rows,).
        seconds: What it took to have them.

    Returns:
        Loss and bias.
    """
    loss = float(row_losses(Metric.LOG_LOSS, label, scores).mean())
    return Judged(loss, float(scores.mean() - np.mean(label)), seconds)


def compare_ways(
    champion: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    retrained: tuple[NDArray[np.float64], float],
    label: NDArray[Any],
    before: NDArray[np.bool_],
    month: NDArray[np.bool_],
) -> dict[str, Judged]:
    """Judge the four ways on one month.

    Args:
        champion: Scores rows, given as a mask.
        retrained: Scores of the month by a model that was trained anew, and the seconds that took.
        label: Outcomes of all rows, shape (n_rows,).
        before: Rows that the champion scored in the month before, shape (n_rows,).
        month: Rows to judge on, shape (n_rows,).

    Returns:
        Way -> what it gave.
    """
    known, plain = champion(before), champion(month)
    found = {KEPT: judge_scores(plain, label[month], 0.0)}
    for name, method in ((INTERCEPT, RecalibrationMethod.INTERCEPT), (PLATT, RecalibrationMethod.PLATT)):
        started = time.perf_counter()
        correction = fit_correction(method, Task.CLASSIFICATION, known, label[before])
        seconds = time.perf_counter() - started
        found[name] = judge_scores(correction.apply(Task.CLASSIFICATION, plain), label[month], seconds)
    found[RETRAINED] = judge_scores(retrained[0], label[month], retrained[1])
    return found


def fit_month(history: History, month: int) -> tuple[Any, float]:
    """Train as of the beginning of a month.

    Args:
        history: The year's rows.
        month: Number of the month.

    Returns:
        The pipeline, and the seconds it took.
    """
    config = load_config(ROOT)
    model, parts = config.models[MODEL], split_of(history, month, MONTHS)
    train, apart = (
        LabelledRows(history.frame[parts == part], history.label[parts == part]) for part in (TRAIN, VALIDATION)
    )
    started = time.perf_counter()
    prepared = prepare_rows(model, model_columns(config, model), train, apart, seed=0)
    fitted = fit_estimator(model, prepared, PARAMS, seed=0)
    return fitted.pipeline, time.perf_counter() - started


def _score(pipeline: Any, history: History, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    return predict_scores(Task.CLASSIFICATION, pipeline, history.frame[rows])


def table_of(months: Sequence[tuple[str, dict[str, Judged]]]) -> Table:
    """Lay out the figures: a row per month, and the means.

    Args:
        months: Name of the month -> way -> what it gave.

    Returns:
        The table.
    """
    table = Table(
        "month", *(f"loss, {way}" for way in WAYS), *(f"bias, {way}" for way in WAYS), "s, platt", "s, training"
    )
    for name, found in months:
        losses, biases = [f"{found[way].loss:.4f}" for way in WAYS], [f"{found[way].bias:+.3f}" for way in WAYS]
        table.add_row(name, *losses, *biases, f"{found[PLATT].seconds:.2f}", f"{found[RETRAINED].seconds:.1f}")
    losses = [f"{np.mean([found[way].loss for _, found in months]):.4f}" for way in WAYS]
    off = [f"{np.mean([abs(found[way].bias) for _, found in months]):.3f}" for way in WAYS]
    seconds = [
        f"{np.mean([found[way].seconds for _, found in months]):.{places}f}"
        for way, places in ((PLATT, 2), (RETRAINED, 1))
    ]
    table.add_row("mean (of biases: absolute)", *losses, *off, *seconds)
    return table


def main() -> int:
    """Compare the ways on every month but the first and print them."""

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    history = read_history(tell)
    months: list[tuple[str, dict[str, Judged]]] = []
    champion, _ = fit_month(history, 0)
    for number in range(1, MONTHS):
        before, month = (split_of(history, each, MONTHS) == HOLDOUT for each in (number - 1, number))
        successor, seconds = fit_month(history, number)

        retrained = _score(successor, history, month), seconds
        found = compare_ways(partial(_score, champion, history), retrained, history.label, before, month)
        days = history.days[month]
        months.append((f"{days.min()} to {days.max()}", found))
        tell(f"{number} of {MONTHS - 1} months")
        champion = successor
    console = Console(width=200)
    console.print(table_of(months))
    console.print(describe_machine())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
