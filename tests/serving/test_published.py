"""What a server answers after a publish is what a turn of the loop would have scored: features, scores, ids."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from lakeloop.config import load_config
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.online_store.opening import open_store
from lakeloop.runs.context import Context
from lakeloop.runs.model_inputs import add_in_process, gold_inputs
from lakeloop.runs.promotions import find_champion, read_promotions
from lakeloop.runs.publish import publish
from lakeloop.runs.spine import spine_as_of
from lakeloop.serving.app import make_serving
from lakeloop.training.fitting import predict_scores
from tests.laws.small_loop import TURNS
from tests.shared import finished_project

pytestmark = pytest.mark.loop

NOW = TURNS[-1]
ROWS = 40


def test_online_and_batch_answer_the_same(spark, tmp_path):
    shutil.copytree(finished_project().root, tmp_path / "own")
    context = Context(load_config(tmp_path / "own"), NOW)
    config, model = context.config, context.config.models["late"]
    published = publish(context, "late")

    spine = spine_as_of(context, model).orderBy("prediction_id").limit(ROWS).toArrow()
    at = pa.array([NOW] * spine.num_rows, pa.timestamp("us", "UTC"))
    spine = spine.set_column(spine.column_names.index("prediction_ts"), "prediction_ts", at)
    joined = add_in_process(context, model, spine, gold_inputs(context, model))
    champion = find_champion(read_promotions(context, "late"))
    pipeline = context.registry.load_pipeline(context.registry.get_version("late", champion.version, champion.run_key))
    names = [name for name in joined.column_names if not name.endswith("__status")]
    frame = pd.DataFrame(
        {name: as_model_input(joined[name]).to_pandas() for name in names if name not in ("prediction_id",)}
    )
    expected = predict_scores(model.task, pipeline, frame)

    store = open_store(config.online_store_address, config.project.project, read_only=True)
    serving = make_serving(
        config.workspace / "serving" / "late", store, clock=lambda: NOW, is_remote=False, log_folder=tmp_path / "log"
    )
    columns = [name for name in serving.champion.served.bundle.columns if name != "prediction_ts"]
    rows = [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in spine.select(columns).to_pylist()
    ]
    with TestClient(serving.app) as client:
        said = client.post("/predict", json={"rows": rows}).json()
    store.close()
    assert (said["bundle_id"], said["version"]) == (published.bundle_id, champion.version)
    assert serving.champion.served.lean is not None
    np.testing.assert_array_equal([each["score"] for each in said["predictions"]], expected)
    for place, each in enumerate(said["predictions"]):
        assert each["statuses"] == {
            table: joined[f"{table}__status"][place].as_py() for table in ("shop_delays", "shop_last")
        }
    assert [each["prediction_id"] for each in said["predictions"]] == spine["prediction_id"].to_pylist()
