"""A recalibration in a replay: fitted and judged by the functions of `lakeloop recalibrate`, on rows held in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeloop.config.model import Model
from lakeloop.errors import Failure, NotReadyError
from lakeloop.labels.calendar import last_closed_day
from lakeloop.runs.content import Content
from lakeloop.runs.context import Context
from lakeloop.runs.history.scored import ScoredHistory
from lakeloop.runs.history.versions import ReplayedVersion
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.recalibrate import judge_corrected, recalibration_run_key
from lakeloop.runs.recalibrated_version import CorrectedScores, corrected_reference
from lakeloop.runs.recalibration_rows import ScoredRows
from lakeloop.training.gate import GateReport
from lakeloop.training.recalibration import corrected, cross_fit, fit_correction


def correct_version(
    context: Context,
    model: Model,
    champion: Promotion,
    parent: ReplayedVersion,
    number: str,
    history: ScoredHistory,
    scores: NDArray[np.float64],
    chosen: NDArray[np.bool_],
) -> tuple[ReplayedVersion, Callable[[], GateReport]]:
    """Correct the champion's scores on its recent closed days.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        champion: The ledger's row of the version that serves.
        parent: The version.
        number: Number of the corrected version.
        history: The scored rows and their labels.
        scores: Scores of all rows up to the turn, shape [n_rows].
        chosen: Rows that the version scored as predictions, shape [n_rows].

    Returns:
        The corrected version, and what judges it.

    Raises:
        NotReadyError: If it has no closed day with a label, too few of them, or their labels are all equal.

    >>> import inspect
    >>> [*inspect.signature(correct_version).parameters][:4]
    ['context', 'model', 'champion', 'parent']
    """
    rows = _scored_rows(context, model, champion, history, scores, chosen)
    settings = model.decide.recalibrate
    others = cross_fit(settings.by, model.task, rows.scores, rows.label, rows.days, settings.folds)
    shown = CorrectedScores(rows, others)
    correction = fit_correction(settings.by, model.task, rows.scores, rows.label)
    through = max(champion.trained_through, rows.content.data_through)
    version = ReplayedVersion(
        number,
        recalibration_run_key(context, model, champion),
        champion.training_set_id,
        corrected(parent.pipeline, model.task, correction),
        parent.features,
        corrected_reference(model, shown, through),
        through,
    )
    return version, lambda: judge_corrected(context.config, model, shown, parent.features)


def _scored_rows(
    context: Context,
    model: Model,
    champion: Promotion,
    history: ScoredHistory,
    scores: NDArray[np.float64],
    chosen: NDArray[np.bool_],
) -> ScoredRows:
    """Take the rows that `read_scored_rows` reads, sorted by id."""
    labels, last = history.labels(context.as_of), last_closed_day(context.as_of, model.label.closes)
    first = last - model.decide.recalibrate.window + timedelta(days=1)
    within = (labels.closed_day >= np.datetime64(first, "D")) & (labels.closed_day <= np.datetime64(last, "D"))
    places = np.flatnonzero(chosen & labels.matured & within)
    if not len(places):
        found = Failure("predictions", f"none of version {champion.version} on closed days with a label")
        raise NotReadyError(f"model {model.model}", [found], "let it score, and wait until its days close")
    columns = ["prediction_id", *model.gate.slices]
    every = [history.rows(each).table.select(columns) for each in history.turns_up_to(context.as_of)]
    table = pa.concat_tables(every).take(pa.array(places))  # bounded: rows that are here
    ids = np.array(table["prediction_id"].to_pylist(), dtype=object)
    order = np.argsort(ids)
    places = places[order]
    through = datetime.fromtimestamp(float(labels.available_seconds[places].max()), UTC)
    return ScoredRows(
        scores[places],
        labels.label[places],
        labels.closed_day[places],
        {name: np.array(table[name].to_pylist(), dtype=object)[order] for name in model.gate.slices},
        Content("", len(places), through),
        -1,
    )
