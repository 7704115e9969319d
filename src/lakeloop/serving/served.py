"""A bundle made ready to answer: its files checked and loaded, its pipeline made lean, one row answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from lakeloop.config.metric import Task
from lakeloop.errors import ConflictError, Failure, UsageError
from lakeloop.model_files import assert_files_loadable, load_skops
from lakeloop.serving.bundle import Bundle, read_current
from lakeloop.serving.predictor import Input, Plan, plan_of
from lakeloop.serving.requests import RequestShape, features_shape, predict_shape
from lakeloop.training.classes import ClassScores
from lakeloop.training.fitting import predict_scores
from lakeloop.training.lean_pipeline import LeanPipeline, make_lean, text_inputs
from lakeloop.training.preprocessing import TRUSTED_TYPES

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """What a model says of rows.

    Attributes:
        score: Probability, prediction, or of several classes the probability of the predicted one, shape (n_rows,).
        predicted_class: Per row the likeliest class; None but for several classes.
        class_scores: Probabilities in the declared order, shape (n_rows, n_classes); None but for several classes.
    """

    score: NDArray[np.float64]
    predicted_class: tuple[str, ...] | None = None
    class_scores: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Served:
    """A bundle that answers.

    Attributes:
        bundle: What it is.
        plan: Where its columns come from.
        pipeline: Its pipeline, as it was registered.
        lean: The same for single rows; None where a step of it is not known.
        predict_shape: What a request for predictions has to be.
        features_shape: What a request for features has to be.

    Example:
    >>> from tests.serving.factories import answer_one, rows_to_learn
    >>> rows = rows_to_learn(3)
    >>> answer_one().served.score({name: rows[name].to_numpy() for name in rows}).score.shape
    (3,)
    """

    bundle: Bundle
    plan: Plan
    pipeline: Any
    lean: LeanPipeline | None
    predict_shape: RequestShape
    features_shape: RequestShape

    def score(self, columns: Mapping[str, NDArray[Any]]) -> Scores:
        """Score rows, given as `model_columns` gives them.

        Raises:
            ValueError: If the model refuses a row, or gives a number that is not finite.
            DataContractError: If a step refuses a category that it has never seen.
        """
        model, given = (self.pipeline, pd.DataFrame(columns)) if self.lean is None else (self.lean, columns)
        task, classes = Task(self.bundle.task), self.bundle.classes
        scores = predict_scores(task, model, given, len(classes))  # type: ignore[arg-type]  # lean takes plain columns
        if not np.isfinite(scores).all():
            raise ValueError("the score is not finite")
        if task is not Task.MULTICLASS:
            return Scores(scores)
        of_classes = ClassScores(scores)
        return Scores(of_classes.confidence, tuple(classes[place] for place in of_classes.predicted), scores)


def load_served(folder: Path, *, max_rows: int, trusted_types: Sequence[str] = TRUSTED_TYPES) -> Served:
    """Load the bundle that a folder names.

    Nothing of the files is loaded before their checksum is that of what was registered, and only types of the
    allow-list are; a pickle never is.

    Args:
        folder: Folder of a model's bundles.
        max_rows: Rows of a request.
        trusted_types: The allow-list.

    Returns:
        The bundle, ready to answer.

    Raises:
        NotReadyError: If nothing was published there.
        ConflictError: If the bundle or its files are not what they have to be.

    >>> import tempfile
    >>> from tests.serving.factories import fit_pipeline, publish
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = publish(Path(place), fit_pipeline())
    ...     served = load_served(Path(place) / "late", max_rows=10)
    >>> served.bundle.version, served.lean is not None
    ('1', True)
    """
    bundle, files = read_current(folder)
    subject = f"the bundle of model {bundle.model} version {bundle.version}"
    plan = plan_of(bundle)
    assert_files_loadable(files, subject, bundle.content_hash, trusted_types)
    with threadpool_limits(1):
        try:
            pipeline = load_skops(files, trusted_types)
        except Exception as failure:  # noqa: BLE001 - whatever a file makes skops and scikit-learn say
            detail = f"its pipeline cannot be loaded: {type(failure).__name__}"
            remedy = "install the packages the version was trained with, or train and publish a new one"
            raise ConflictError(subject, [Failure("model", detail)], remedy) from None
        names = [each.name for each in plan.inputs]
        texts = text_inputs(pipeline, names, [each.name for each in plan.inputs if each.kind and each.kind.is_text])
        lean = make_lean(pipeline, names, texts, [each.name for each in plan.inputs if _is_instant(each)])
        shapes = predict_shape(plan, max_rows), features_shape(plan, max_rows)
        served = Served(bundle, plan, pipeline, lean, *shapes)
        _warm_up(served, texts, subject)
    if lean is None:
        _log.warning("%s: answered by the whole pipeline, which takes milliseconds more", subject)
    return served


def _is_instant(each: Input) -> bool:
    return each.kind is not None and each.kind.name in ("timestamp", "timestamp_ntz")


def _warm_up(served: Served, texts: Sequence[str], subject: str) -> None:
    """Answer a row without any value: what is wrong with the model shows now, and not in a request."""
    nothing = {
        each.name: np.array([np.nan], dtype=object if each.name in texts else np.float64) for each in served.plan.inputs
    }
    try:
        served.score(nothing)
    except UsageError as failure:
        raise ConflictError(subject, [Failure("model", f"it is no {served.bundle.task}")], failure.remedy) from None
    except ValueError:
        _log.warning("%s: it refuses a row without values; requests with missing values are answered by 422", subject)
    except Exception as failure:  # noqa: BLE001 - whatever the pipeline raises, it cannot answer
        detail = f"it cannot answer a row: {type(failure).__name__}"
        raise ConflictError(subject, [Failure("model", detail)], "train and publish a new version") from None
