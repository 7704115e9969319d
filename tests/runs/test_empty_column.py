"""A training whose columns have no value in any row: of a source that stopped, or that nobody fills yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd

from lakeloop.drift.reference import Reference
from lakeloop.runs import train
from lakeloop.runs.context import Context
from lakeloop.runs.references import REFERENCE_FILE
from lakeloop.statuses import EvidenceStatus
from tests.laws.small_loop import TURNS
from tests.runs.searches import RUN_KEY, declare, make_data

TEXT, NUMBER = "shop", "shop_last__last_delay_minutes"


def test_columns_without_a_value_are_left_unused_and_told_wherever_the_version_is_described(tmp_path: Path) -> None:
    config = declare(tmp_path, search={"C": [1.0]})
    data, told = make_data(config), []
    nothing = pd.Series([None] * len(data.frame), dtype=data.frame[TEXT].dtype)
    empty = data.frame.assign(**{TEXT: nothing, NUMBER: np.nan})
    context = Context(config, TURNS[0], told.append)
    version, _ = train.fit_and_register(context, config.models["late"], replace(data, frame=empty), RUN_KEY)
    said = f"train late: 2 columns without a value in the training rows, left unused: {TEXT}, {NUMBER}"
    assert [each for each in told if "without a value" in each] == [said]

    registry = context.registry
    importance = {each["column"]: each for each in registry.read_document(version, "importance.json")["columns"]}
    unused = {name: each["increase"] for name, each in importance.items() if each["status"] == EvidenceStatus.ALL_NULL}
    assert unused == {TEXT: 0.0, NUMBER: 0.0}
    card = mlflow.artifacts.load_text(f"runs:/{version.run_id}/lakeloop/model_card.md")
    assert ": missing in every row of the holdout that was looked at" in card
    found = Reference.from_json(registry.read_document(version, REFERENCE_FILE))
    assert {TEXT, NUMBER} <= {each.name for each in found.bins}
    types = registry.input_types(version)
    assert types is not None
    assert (types[TEXT], types[NUMBER]) == ("string", "double")

    # Values that come later change no score: nothing was learned of them.
    pipeline = registry.load_pipeline(version)
    scores = pipeline.predict_proba(empty)
    assert np.isfinite(scores).all()
    assert np.array_equal(scores, pipeline.predict_proba(data.frame))
