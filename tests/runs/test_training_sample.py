"""A sample of the training rows: the same rows by both engines, and the parts that are judged on whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lakeloop.config.model import Model
from lakeloop.config.project import Engine
from lakeloop.config.split import SampleRows
from lakeloop.errors import AccountingError, BudgetError
from lakeloop.runs.context import Context
from lakeloop.runs.train import make_reference
from lakeloop.runs.training_data import TrainingData, read_training_data
from lakeloop.runs.training_set import find_training_set, rows_spec_hash
from tests.shared import finished_context


@pytest.fixture(scope="module")
def context() -> Context:
    """A finished project that nobody changes."""
    return finished_context()


def sampled(context: Context, sample: float | SampleRows | None) -> Model:
    model = context.config.models["late"]
    here = model.estimator.model_copy(update={"distributed": False})
    return model.model_copy(update={"split": model.split.model_copy(update={"sample": sample}), "estimator": here})


def read(context: Context, sample: float | SampleRows | None, **project: object) -> TrainingData:
    changed = context.config.project.model_copy(update=project)
    declared = Context(replace(context.config, project=changed), context.as_of)
    return read_training_data(declared, sampled(context, sample), find_training_set(context, "late"))


def rows_in(data: TrainingData, part: str) -> set[tuple[object, ...]]:
    """Rows as the instant and the inputs that tell them apart."""
    chosen = data.part(part)
    return {
        (seconds, *row)
        for seconds, row in zip(
            data.prediction_seconds[chosen], data.frame[chosen].fillna(-1).itertuples(index=False), strict=True
        )
    }


def test_both_engines_read_the_same_sample(context: Context) -> None:
    local, spark = (read(context, 0.3, engine=each) for each in (Engine.LOCAL, Engine.SPARK))
    assert local.frame.equals(spark.frame)
    for name in ("label", "split", "days", "prediction_seconds", "sampled"):
        assert (getattr(local, name) == getattr(spark, name)).all()
    assert local.sampling == spark.sampling


def test_the_training_rows_alone_are_thinned(context: Context) -> None:
    whole, part = read(context, None), read(context, 0.3)
    for name in ("gap", "validation", "holdout"):
        assert rows_in(part, name) == rows_in(whole, name)
    kept, all_rows = rows_in(part, "train"), rows_in(whole, "train")
    assert kept < all_rows
    assert abs(len(kept) - 0.3 * len(all_rows)) < 4 * (0.21 * len(all_rows)) ** 0.5
    assert part.sampling == {
        "sample_fraction": 0.3,
        "sample_seed": context.config.project.seed,
        "sample_rows": len(kept),
        "train_rows": len(all_rows),
    }
    assert whole.sampling == {}
    assert whole.sampled.all()


def test_another_seed_takes_other_rows_and_a_number_of_rows_is_a_share(context: Context) -> None:
    one, other = read(context, 0.3), read(context, 0.3, seed=8)
    assert rows_in(one, "train") != rows_in(other, "train")
    train_rows = int(one.sampling["train_rows"])
    assert rows_in(read(context, SampleRows(rows=int(0.3 * train_rows))), "train") <= rows_in(one, "train")
    assert read(context, SampleRows(rows=train_rows)).sampling == {}


def test_the_reference_thins_every_day_alike(context: Context) -> None:
    """A day of the holdout, which is read whole, counts no more than one of the training part."""
    data = read(context, 0.3)
    reference = make_reference(context, sampled(context, 0.3), data)
    first = data.days.max() - np.timedelta64(context.config.models["late"].monitor.reference.days - 1, "D")
    assert sum(day.rows for day in reference.targets) == int((data.sampled & (data.days >= first)).sum())
    holdout = data.part("holdout")
    assert 0 < data.sampled[holdout].sum() < holdout.sum()


def test_a_sample_changes_no_row_that_is_pinned(context: Context) -> None:
    assert rows_spec_hash(context, sampled(context, 0.3)) == rows_spec_hash(context, sampled(context, None))


def test_a_set_that_does_not_fit_is_refused_before_it_is_read(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeloop.runs.engine._BYTES_PER_VALUE", 8 * 2048)  # as if there were 2048 times the rows
    monkeypatch.setattr("lakeloop.runs.training_data.read_arrow", None)
    with pytest.raises(BudgetError) as refused:
        read(context, None, memory_budget_mib=50)
    message = str(refused.value)
    assert "MiB are needed, memory_budget_mib allows 50" in message
    for part in ("train", "gap", "validation", "holdout"):
        assert f"  - {part}: " in message
    monkeypatch.undo()
    assert len(read(context, None, memory_budget_mib=1).frame)


def test_a_set_of_which_rows_are_missing_is_refused_in_a_sample_too(context: Context) -> None:
    pinned = find_training_set(context, "late")
    with pytest.raises(AccountingError, match="were pinned"):
        read_training_data(context, sampled(context, 0.3), replace(pinned, rows=pinned.rows + 1))
