"""Law 4: a training set made again from its manifest has the same content; the same seed gives the same metrics."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from mlflow import MlflowClient

from lakeloop.config import load_config
from lakeloop.drift.reference import Reference
from lakeloop.errors import ConflictError, NotReadyError
from lakeloop.registry import Registry
from lakeloop.runs.context import Context
from lakeloop.runs.promotions import read_promotions
from lakeloop.runs.rebuild import rebuild_training_set
from lakeloop.runs.references import REFERENCE_FILE
from lakeloop.runs.repeat import repeat_training
from lakeloop.runs.train import fit_and_register
from lakeloop.runs.training_data import read_training_data
from lakeloop.runs.training_set import find_training_set
from lakeloop.statuses import RebuildStatus, RepeatStatus
from lakeloop.training.evidence import CALIBRATION_FILE, IMPORTANCE_FILE, METRICS_FILE, SLICES_FILE
from lakeloop.training.fitting import predict_scores
from tests.laws.compare import rows
from tests.laws.small_loop import TURNS

pytestmark = pytest.mark.loop


@pytest.fixture
def copied(landed_turn_by_turn, tmp_path):
    """A copy of the clean run, to be damaged."""
    root = tmp_path / "copy"
    shutil.copytree(landed_turn_by_turn.root, root)
    return load_config(root)


def _manifest(config, turn):
    (found,) = [row for row in rows(config, "ops/training_sets") if row["as_of"] == turn]
    return found


@pytest.mark.parametrize(("turn", "is_named"), [(TURNS[0], True), (TURNS[1], False)])
def test_a_rebuild_after_further_turns_gives_the_same_hash(landed_turn_by_turn, turn, is_named):
    manifest = _manifest(landed_turn_by_turn, turn)
    set_id = manifest["training_set_id"] if is_named else None  # else the one pinned at the logical now
    found = rebuild_training_set(Context(landed_turn_by_turn, TURNS[1]), "late", set_id)
    assert (found.status, found.training_set_id) == (RebuildStatus.REPRODUCED, manifest["training_set_id"])
    assert (found.content_hash_rebuilt, found.rows_rebuilt) == (manifest["content_hash"], manifest["rows"])
    assert (found.content_hash, found.rows) == (manifest["content_hash"], manifest["rows"])
    assert (found.different, found.expired, found.failure()) == ((), (), None)


def _change_first_row(config, table, version, column):
    """Change a value of a data file in its place, as somebody who knows no better would."""
    log = config.workspace / table / "_delta_log"
    for entry in range(version + 1):
        lines = (log / f"{entry:020}.json").read_text(encoding="utf-8").splitlines()
        actions = [json.loads(line) for line in lines]
        for action in actions:
            if "add" in action:
                path = config.workspace / table / action["add"]["path"]
                content = pq.read_table(path)
                place = content.column_names.index(column)
                first = pc.equal(pa.array(range(len(content))), 0)
                changed = pc.if_else(first, pc.add(content[column], 1000.0), content[column])
                content = content.set_column(place, content.schema.field(place), changed)
                pq.write_table(content, path, use_deprecated_int96_timestamps=True)  # as Spark writes them
                path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
                action["add"]["size"] = path.stat().st_size
                (log / f"{entry:020}.json").write_text("\n".join(map(json.dumps, actions)) + "\n", encoding="utf-8")
                (log / f".{entry:020}.json.crc").unlink(missing_ok=True)
                (log / f"{entry:020}.crc").unlink(missing_ok=True)
                return


@pytest.mark.slow
def test_an_input_changed_by_hand_is_found_with_its_columns(copied):
    _change_first_row(copied, "gold/shop_last", _pinned_version(copied, "gold.shop_last"), "last_delay_minutes")
    found = rebuild_training_set(Context(copied, TURNS[0]), "late")
    assert found.status is RebuildStatus.DIFFERENT
    assert found.content_hash_rebuilt != found.content_hash
    assert found.rows_rebuilt == found.rows
    assert found.different == ("the content hash in shop_last__last_delay_minutes",)
    error = found.failure()
    assert isinstance(error, ConflictError)
    assert "DIFFERENT: the content hash in shop_last__last_delay_minutes" in str(error)


def test_stored_rows_changed_by_hand_are_found(copied):
    _change_first_row(copied, "training_sets/late", _manifest_version(copied), "label")
    found = rebuild_training_set(Context(copied, TURNS[0]), "late")
    assert (found.status, found.content_hash_rebuilt) == (RebuildStatus.DIFFERENT, found.content_hash)
    assert found.different == ("the stored rows are not those that were pinned",)


def _pinned_version(config, table):
    (version,) = [each["version"] for each in json.loads(_inputs(config, TURNS[0])["inputs"]) if each["table"] == table]
    return version


def _inputs(config, turn):
    found = DeltaTable(str(config.workspace / "ops/training_sets")).to_pyarrow_table().to_pylist()
    return next(row for row in found if row["as_of"] == turn)


def _manifest_version(config):
    return _inputs(config, TURNS[0])["delta_version"]


def test_vacuumed_inputs_have_expired(copied):
    for table in ("bronze/deliveries", "gold/shop_last"):
        delta = DeltaTable(str(copied.workspace / table))
        delta.optimize.compact()
        delta.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    found = rebuild_training_set(Context(copied, TURNS[0]), "late")
    gone = tuple(
        f"{table} version {_pinned_version(copied, table)}" for table in ("bronze.deliveries", "gold.shop_last")
    )
    assert (found.status, found.expired, found.rows_rebuilt) == (RebuildStatus.INPUTS_EXPIRED, gone, None)
    assert f"INPUTS_EXPIRED: {gone[0]} can no longer be read" in str(found.failure())


def test_inputs_whose_log_is_gone_have_expired(copied):
    log = copied.workspace / "bronze" / "orders" / "_delta_log"
    DeltaTable(str(log.parent)).create_checkpoint()
    for entry in range(_pinned_version(copied, "bronze.orders") + 1):
        (log / f"{entry:020}.json").unlink()
    found = rebuild_training_set(Context(copied, TURNS[0]), "late")
    assert found.expired == (f"bronze.orders version {_pinned_version(copied, 'bronze.orders')}",)


def test_a_rebuild_with_other_declarations_is_refused(landed_turn_by_turn):
    model = landed_turn_by_turn.models["late"]
    other = dataclasses.replace(
        landed_turn_by_turn, models={"late": model.model_copy(update={"features": ("shop_last.*",)})}
    )
    with pytest.raises(ConflictError, match="conf/ now says"):
        rebuild_training_set(Context(other, TURNS[0]), "late")


def test_a_set_that_was_never_pinned_is_not_ready(landed_turn_by_turn):
    with pytest.raises(NotReadyError, match="there is none with the id 0000"):
        rebuild_training_set(Context(landed_turn_by_turn, TURNS[1]), "late", "0000")


def test_training_again_with_the_same_seed_gives_the_same_metrics_and_scores(landed_turn_by_turn, tmp_path):
    config = landed_turn_by_turn
    context, model = Context(config, TURNS[0]), config.models["late"]
    judged = read_promotions(context, "late")[0]
    first = context.registry.get_version("late", judged.version, judged.run_key)
    theirs = _metrics(config.tracking_uri, first.run_id)

    again = Context(config, TURNS[0])
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    again.__dict__["registry"] = Registry(uri, "shops", tmp_path / "artifacts")
    data = read_training_data(again, model, find_training_set(again, "late"))
    second, _ = fit_and_register(again, model, data, first.run_key)
    ours = _metrics(uri, second.run_id)
    scores = predict_scores(model.task, again.registry.load_pipeline(second), data.frame)
    theirs_again = context.registry.load_pipeline(first)
    assert ours.keys() >= {"holdout_log_loss", "holdout_log_loss_lower", "holdout_log_loss_upper"}
    assert ours == theirs
    for name in (METRICS_FILE, CALIBRATION_FILE, SLICES_FILE, IMPORTANCE_FILE):
        assert again.registry.read_document(second, name) == context.registry.read_document(first, name)
    assert np.array_equal(scores, predict_scores(model.task, theirs_again, data.frame))


def test_a_workspace_copied_elsewhere_trains_again_from_manifest_and_run_and_gives_the_recorded_metrics(copied):
    manifest = _manifest(copied, TURNS[0])
    context = Context(copied, TURNS[1])
    again = repeat_training(context, manifest["training_set_id"], manifest["seed"])
    assert (again.status, again.packages, again.failure()) == (RepeatStatus.REPRODUCED, (), None)
    assert "holdout_log_loss" in {each.metric for each in again.metrics}
    assert all(each.recorded == pytest.approx(each.now, rel=1e-9) for each in again.metrics)
    other = repeat_training(context, manifest["training_set_id"], manifest["seed"] + 1)
    assert (other.status, context.registry.alias("late", "champion")) == (RepeatStatus.NEW, "2")


def test_two_registries_in_one_process_read_what_is_their_own(landed_turn_by_turn, tmp_path):
    context = Context(landed_turn_by_turn, TURNS[0])
    judged = read_promotions(context, "late")[0]
    version = context.registry.get_version("late", judged.version, judged.run_key)
    Registry(f"sqlite:///{tmp_path}/mlflow.db", "shops", tmp_path / "artifacts")  # MLflow's address is now its own
    assert Reference.from_json(context.registry.read_document(version, REFERENCE_FILE)).bins
    assert context.registry.load_pipeline(version) is not None


def _metrics(uri, run_id):
    return dict(MlflowClient(uri, uri).get_run(run_id).data.metrics)
