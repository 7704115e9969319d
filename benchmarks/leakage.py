"""What a leak would have made of the flights' metric: the same model on features that know more than they may.

Run it in a project after `make demo`: python -m benchmarks.leakage

Every version is trained on the same rows of the newest training set, with the same split, search and seed, and judged
on the same holdout. Only the features differ:

- as they are: gold as known at prediction_ts, two hours before departure;
- at departure: the look-ups made two hours later, as a join on the time of the event would;
- after landing: the look-ups made eight hours later, when most of these flights' own arrivals have come in;
- own departure delay: as they are, and a column of the flight's outcome beside them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from lakeloop.config.columns import input_columns, model_columns, resolve_features
from lakeloop.config.loading import load_config
from lakeloop.config.metric import Metric
from lakeloop.config.model import Model
from lakeloop.config.preprocess import Preprocess
from lakeloop.errors import Failure, NotReadyError
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.point_in_time.lookup import STATUS_SUFFIX
from lakeloop.runs.context import Context
from lakeloop.runs.manifests import Manifest, read_manifests
from lakeloop.runs.model_inputs import GoldInput, add_in_process, features_by_table
from lakeloop.tables import read_arrow
from lakeloop.training.fitting import LabelledRows, predict_scores
from lakeloop.training.folds import Fold
from lakeloop.training.metrics import evaluate
from lakeloop.training.search import assert_searched, choose_best, grid_trials
from lakeloop.training.trials import FoldRows, fit_trial

OWN_DELAY = "own_departure_delay_minutes"
METRICS = (Metric.ROC_AUC, Metric.LOG_LOSS)


@dataclass(frozen=True)
class Version:
    """A version of the training rows.

    Attributes:
        name: What its features know.
        rows: The rows.
        columns: The model's columns in it.
    """

    name: str
    rows: pa.Table
    columns: tuple[str, ...]


def make_versions(context: Context, model: Model, manifest: Manifest) -> Iterator[Version]:
    """Make the honest version and the leaky ones."""
    address = context.lake.address("training_sets", model.model)
    names = [field.name for field in context.lake.columns(address).fields]
    equal = {"training_set_id": manifest.training_set_id}
    rows = read_arrow(context.lake, address, manifest.as_of, names, by="as_of", equal=equal).sort_by("prediction_id")
    columns = model_columns(context.config, model)
    yield Version("as they are", rows, columns)
    for name, hours in (("at departure", 2), ("after landing", 8)):
        yield Version(name, look_up_later(context, model, manifest, rows, timedelta(hours=hours)), columns)
    yield Version("own departure delay", add_own_delay(context, manifest, rows), (*columns, OWN_DELAY))


def look_up_later(context: Context, model: Model, manifest: Manifest, rows: pa.Table, later: timedelta) -> pa.Table:
    """Look the features up as known some hours after prediction_ts; all other columns stay as they are."""
    features = [each.column for each in resolve_features(context.config, model)]
    status = [name for name in rows.column_names if name.endswith(STATUS_SUFFIX)]
    spine = rows.drop_columns([*features, *status, *model.on_demand])
    shift = pa.scalar(later, pa.duration("us"))
    place = spine.schema.get_field_index("prediction_ts")
    spine = spine.set_column(place, "prediction_ts", pc.add(spine["prediction_ts"], shift))
    wanted = features_by_table(context.config, model)
    inputs = [
        GoldInput(name, tuple(wanted[name]), datetime.max.replace(tzinfo=UTC), each.version, each.spec_hash or "")
        for each in manifest.inputs
        if each.built_through is not None
        for name in [each.table.partition(".")[2]]
    ]
    joined = add_in_process(context.at(manifest.as_of), model, spine, inputs)
    return joined.set_column(joined.schema.get_field_index("prediction_ts"), "prediction_ts", rows["prediction_ts"])


def add_own_delay(context: Context, manifest: Manifest, rows: pa.Table) -> pa.Table:
    """Add how late each flight left: known only once it has left."""
    key = ["carrier", "flight", "origin", "scheduled_departure_ts"]
    address = context.lake.address("bronze", "outcomes")
    outcomes = read_arrow(context.lake, address, manifest.as_of, [*key, "departure_delay_minutes"])
    outcomes = outcomes.rename_columns([*key, OWN_DELAY])
    return rows.join(outcomes, keys=key, join_type="left outer").sort_by("prediction_id")


def measure(context: Context, model: Model, version: Version) -> dict[Metric, float]:
    """Fit the model's search on a version and give the chosen candidate's metrics on the holdout."""
    inputs = [*input_columns(context.config, model), *(name for name in version.columns if name == OWN_DELAY)]
    frame = pd.DataFrame({name: as_model_input(version.rows[name]).to_numpy() for name in inputs})
    label = version.rows["label"].to_numpy()
    part = np.asarray(version.rows["_split"].to_pylist())
    fit, choose, judge = (part == name for name in ("train", "validation", "holdout"))
    passing = model.model_copy(update={"preprocess": (*model.preprocess, Preprocess(columns=("*",), steps=("pass",)))})
    cut, seed = Fold(fit, choose), context.config.project.seed
    rows = FoldRows(passing, {None: version.columns}, LabelledRows(frame, label), [cut], seed)
    results = [fit_trial(rows, trial) for trial in grid_trials(model.estimator)]
    assert_searched(results, model.estimator, model.gate.metric)
    best = choose_best(results, model.gate.metric)
    return evaluate(model.task, label[judge], predict_scores(model.task, best.pipeline, frame[judge]))


def find_newest(context: Context, model: str) -> Manifest:
    """Find the newest training set of a model."""
    pinned = read_manifests(context, model)
    if not pinned:
        found = Failure("training set", "none is pinned")
        remedy = "run `make demo`, or `lakeloop training-set build` in the project that --project names"
        raise NotReadyError(f"model {model}", [found], remedy)
    return pinned[-1]


def main() -> int:
    """Print a table: what each version knows, and what it would have claimed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=Path())
    parser.add_argument("--model", default="late_arrival")
    options = parser.parse_args()
    config = load_config(options.project.resolve())
    context = Context(config, datetime.now(UTC))
    model, manifest = config.models[options.model], find_newest(context, options.model)
    table = Table("features", *(str(metric) for metric in METRICS), title=f"{manifest.rows} rows of {manifest.model}")
    for version in make_versions(context, model, manifest):
        found = measure(context, model, version)
        table.add_row(version.name, *(f"{found[metric]:.4f}" for metric in METRICS))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
