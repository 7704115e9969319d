"""The monitor's counts of outcomes of rows held in memory: by the counter that Spark's tasks use."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop.config.metric import Task
from lakeloop.config.model import Model
from lakeloop.drift.outcome_counts import SCORED_SCHEMA, OutcomeCounter
from lakeloop.runs.history.scored import KnownLabels
from lakeloop.runs.monitor_counts import SCORE_BINS, Outcomes, outcomes_of

_CLIP = 1e-15


def count_known_outcomes(
    model: Model,
    scores: NDArray[np.float64],
    labels: KnownLabels,
    chosen: NDArray[np.bool_],
    target_rate: float,
) -> Outcomes:
    """Count scored rows by day, score and what became of them.

    Args:
        model: The model's declaration; its label is a number, or yes and no.
        scores: Scores, shape [n_rows].
        labels: What is known of the rows' labels.
        chosen: Rows that are counted, shape [n_rows].
        target_rate: The reference's mean label: the constant prediction to compare with.

    Returns:
        The counts that `count_outcomes` gives without slices.

    Raises:
        DataContractError: If rows of the label's source disagree, and no policy says what counts.

    >>> nothing = np.empty(0)
    >>> days = nothing.astype("datetime64[D]")
    >>> labels = KnownLabels(nothing, nothing.astype(str), days, days, nothing, nothing, nothing > 0, nothing > 0)
    >>> count_known_outcomes(shops.models["late"], nothing, labels, nothing > 0, 0.5).cells.num_rows
    0
    """
    score, y = scores[chosen], labels.label[chosen]
    matured = labels.matured[chosen]
    if model.task is Task.REGRESSION:
        score_bin = np.zeros(len(score), dtype=np.int32)
        loss, baseline = np.abs(score - y), np.abs(target_rate - y)
        binned = pa.array(score_bin, mask=~matured)
    else:
        score_bin = np.minimum(np.floor(score * SCORE_BINS), SCORE_BINS - 1).astype(np.int32)
        loss, baseline = _log_loss(score, y), _log_loss(np.full(len(score), target_rate), y)
        binned = pa.array(score_bin)
    rows = {
        "_block": pa.array(labels.block[chosen]),
        "_label_status": pa.array(labels.status[chosen].tolist(), pa.string()),
        "_score_bin": binned,
        "_score": pa.array(score),
        "_label": pa.array(y, mask=~matured),
        "_class": pa.nulls(len(score), pa.int32()),
        "_loss": pa.array(loss, mask=~matured),
        "_baseline_loss": pa.array(baseline, mask=~matured),
        "_squared_error": pa.array((score - y) ** 2, mask=~matured),
        "_conflict": pa.array(labels.conflict[chosen].astype(np.int64)),
        "_never": pa.array(labels.never[chosen].astype(np.int64)),
        "_delay_seconds": pa.array(labels.delay_seconds[chosen], mask=~matured),
    }
    counter = OutcomeCounter(by_label=model.task is not Task.REGRESSION)
    counter.add(pa.table(rows).cast(SCORED_SCHEMA))
    return outcomes_of(model, counter.parts().to_batches())


def _log_loss(score: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.maximum(np.minimum(score, 1 - _CLIP), _CLIP)
    return np.asarray(-(y * np.log(clipped) + (1 - y) * np.log(1 - clipped)))
