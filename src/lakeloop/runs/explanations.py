"""Explanations of predictions: after a scoring, what did most to the scores of a sample of its rows.

The predictions stand whether or not they are explained: explanations have a table and a commit of their own, named by
the commit of the predictions. Where a job ended between the two, the repeated job makes them from the rows that are
committed; what is explained already is left alone, whatever is declared by then.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakeloop import schemas
from lakeloop.config.columns import input_columns
from lakeloop.config.model import Model
from lakeloop.config.score import Explain
from lakeloop.errors import Failure, NotReadyError
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.runs.context import Context
from lakeloop.runs.model_tables import describe_model_table
from lakeloop.runs.promotions import Promotion
from lakeloop.runs.scored_rows import open_scorer
from lakeloop.runs.training_set import training_rows
from lakeloop.statuses import Purpose
from lakeloop.tables import Commit, WriteIdentity, WriteResult, listed_versions
from lakeloop.training.contributions import Contributions, shapley_contributions
from lakeloop.training.fitting import predict_scores
from lakeloop.training.split import TRAIN

LAYER, JOB = "explanations", "explain"
AS_OF = "as_of"
"""Note of a commit of predictions: its logical now, where the unit of work does not name it."""

_GRAIN = "prediction_id, model_version, revision, rank"
_KEY = ("prediction_id", "model_version", "revision")


def explain_scored(context: Context, model: Model, identity: WriteIdentity, done: Commit | WriteResult) -> int:
    """Explain a sample of the rows of one commit of predictions, once, where the model declares it.

    The sample are the rows with the smallest `prediction_id`; that is a hash, so they are a uniform sample of the
    commit. Answers of a challenger beside the champion are not explained. A row is compared with rows of the training
    part of the version's own training set, those with the smallest ids. They do not depend on what is explained, and
    they are there for every version and at any later time: the rows of a pinned set are kept when it is retired, and by
    a vacuum. So the same prediction gets the same explanation from a turn, a stream and a backfill.

    Args:
        context: Project, lake, registry and logical now.
        model: The model's declaration.
        identity: The write of the predictions.
        done: Its commit, made now or before.

    Returns:
        Predictions that are explained; 0 without `score.explain`, without rows, or where the commit was made so long
        ago that the table's log no longer tells its rows from others.

    Raises:
        NotReadyError: If the training set of the version has no rows any more.
        ConflictError: If the registry lacks the version, or the model's declaration is not what it was trained by.

    >>> commit = context.lake.commits(context.lake.address("predictions", "late"))[-1]
    >>> explain_scored(context, context.config.models["late"], WriteIdentity(commit.job, commit.unit), commit)
    0
    """
    declared, lake = model.score.explain, context.lake
    if declared is None or not done.rows:
        return 0
    address = lake.address(LAYER, model.model)
    write = WriteIdentity(JOB, f"{identity.job} {identity.unit}", identity.fingerprint)
    made = lake.find_commit(address, write)
    if made is not None:
        return int(made.notes["predictions"])
    context.progress(f"explain {model.model}")
    said = done.notes.get(AS_OF)
    at = context if said is None else context.at(datetime.fromisoformat(said))
    scorer = open_scorer(at, model, str(done.notes["model_version"]))
    sample = _read_sample(at, model, declared, scorer.promotion, done.version)
    if not sample.num_rows:
        return 0
    score = partial(_score, at.registry.load_pipeline(scorer.version), model)
    background = _read_background(at, model, declared, scorer.promotion)
    found = shapley_contributions(
        score,
        _inputs_of(sample, at, model),
        _inputs_of(background, at, model),
        sample["prediction_id"].to_pylist(),
        permutations=declared.permutations,
        seed=context.config.project.seed,
        outputs=_outputs_of(sample, model),
    )
    table = schemas.declare_table(LAYER, model.model, _GRAIN, "as_of", schemas.EXPLANATION_COLUMNS)
    described = f"What did most to the scores of a sample of predictions of {model.model}."
    describe_model_table(context, model, address, StructType(list(table.columns)), described, _GRAIN)
    rows = _rows_of(sample, found, declared.top)
    explained = int(sample.num_rows)
    notes = {"predictions": explained, "model_version": scorer.version.version, "version": done.version}
    lake.append_own(table, rows, write, notes=notes)
    return explained


def _read_sample(context: Context, model: Model, declared: Explain, promotion: Promotion, version: int) -> pa.Table:
    """Read the rows of a commit with the smallest ids: those that its version has, and the one before it has not."""
    lake, address = context.lake, context.lake.address("predictions", model.model)

    def read(at: int) -> DataFrame:
        rows = lake.read_uncut(address, version=at).where(F.col("as_of") == F.lit(context.as_of))
        return rows.where(F.col("model_version") == F.lit(promotion.version))

    inputs = input_columns(context.config, model)
    several = (schemas.PREDICTED_CLASS,) if model.label.classes else ()
    wanted = dict.fromkeys((*_KEY, "prediction_ts", "model_name", "score", "as_of", *several, *inputs))
    if len(listed_versions(lake, address, (version - 1, version))) != 2:  # the one and the other
        return pa.table({name: [] for name in wanted})
    new = read(version).join(read(version - 1).select(*_KEY), [*_KEY], "left_anti")
    chosen = new.where(F.col("purpose") != Purpose.SHADOW.value).select(*wanted)
    ordered = chosen.orderBy("prediction_id", "revision").limit(declared.rows)
    sample: pa.Table = ordered.toArrow()  # bounded: score.explain.rows
    return sample.sort_by([("prediction_id", "ascending"), ("revision", "ascending")])


def _read_background(context: Context, model: Model, declared: Explain, promotion: Promotion) -> pa.Table:
    set_id = promotion.training_set_id
    rows = training_rows(context, context.lake.address("training_sets", model.model), set_id)
    wanted = dict.fromkeys(("prediction_id", "prediction_ts", *input_columns(context.config, model)))
    chosen = rows.where(F.col("_split") == TRAIN).select(*wanted)
    ordered = chosen.orderBy("prediction_id", "prediction_ts").limit(declared.background)
    background: pa.Table = ordered.toArrow()  # bounded: score.explain.background
    if not background.num_rows:
        found = Failure("training set", f"{set_id}, which version {promotion.version} learned from, has no rows")
        remedy = "put the table of training sets back from a backup, or remove score.explain"
        raise NotReadyError(f"explanations of model {model.model}", [found], remedy)
    return background.sort_by([("prediction_id", "ascending"), ("prediction_ts", "ascending")])


def _inputs_of(table: pa.Table, context: Context, model: Model) -> pd.DataFrame:
    """Give the inputs as the model gets them."""
    typed = {name: as_model_input(table[name]) for name in input_columns(context.config, model)}
    frame: pd.DataFrame = pa.table(typed).to_pandas()  # bounded: of rows that are here already
    return frame


def _outputs_of(sample: pa.Table, model: Model) -> NDArray[np.intp] | None:
    """Tell which score each row is explained by; None where there is one."""
    if not model.label.classes:
        return None
    places = {name: place for place, name in enumerate(model.label.classes)}
    return np.array([places[name] for name in sample[schemas.PREDICTED_CLASS].to_pylist()], dtype=np.intp)


def _score(pipeline: Any, model: Model, frame: pd.DataFrame) -> NDArray[np.float64]:
    return predict_scores(model.task, pipeline, frame, len(model.label.classes))


def _rows_of(sample: pa.Table, found: Contributions, top: int) -> list[dict[str, Any]]:
    kept = ("prediction_id", "prediction_ts", "model_name", "model_version", "revision", "score", "as_of")
    rows = []
    for place, prediction in enumerate(sample.select(kept).to_pylist()):
        for rank, (feature, contribution) in enumerate(found.top(place, top), 1):
            said = {"rank": rank, "feature": feature, "contribution": contribution}
            rows.append(prediction | said | {"baseline": float(found.baselines[place])})
    return rows
