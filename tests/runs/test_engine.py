"""The two engines of the join and of the training read: when which is chosen, and that they give the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lakeloop.config.project import Engine
from lakeloop.errors import BudgetError
from lakeloop.runs.content import read_content
from lakeloop.runs.context import Context
from lakeloop.runs.engine import Held, choose_engine
from lakeloop.runs.model_inputs import add_in_process, add_on_spark, gold_inputs
from lakeloop.runs.spine import spine_as_of
from lakeloop.runs.training_data import read_training_data
from lakeloop.runs.training_rows import build_in_process, build_on_spark
from lakeloop.runs.training_set import find_training_set
from tests.factories import rows_of
from tests.shared import finished_context

FITS = Held("gold.weather", 1_000, numbers=4)
TOO_LARGE = Held("gold.routes", 10**9, numbers=4)
UNKNOWN = Held("gold.places", None, numbers=4)


def declaring(context: Context, **changes: object) -> Context:
    """The same surroundings under other words in project.yml."""
    project = context.config.project.model_copy(update=changes)
    return Context(replace(context.config, project=project), context.as_of)


@pytest.fixture(scope="module")
def context() -> Context:
    """A finished project that nobody changes."""
    return finished_context()


@pytest.mark.parametrize(
    ("engine", "held", "chosen"),
    [
        (Engine.AUTO, [FITS], Engine.LOCAL),
        (Engine.AUTO, [], Engine.LOCAL),
        (Engine.AUTO, [FITS, TOO_LARGE], Engine.SPARK),
        (Engine.AUTO, [FITS, UNKNOWN], Engine.SPARK),
        (Engine.SPARK, [FITS], Engine.SPARK),
        (Engine.LOCAL, [FITS], Engine.LOCAL),
    ],
)
def test_the_engine_is_chosen_by_what_fits_the_budget(
    context: Context, engine: Engine, held: list[Held], chosen: Engine
) -> None:
    assert choose_engine(declaring(context, engine=engine), "join", held) is chosen


def test_a_catalog_is_left_to_spark(context: Context) -> None:
    assert choose_engine(declaring(context, catalog="main"), "join", [FITS]) is Engine.SPARK


def test_the_budget_is_for_all_that_is_held_at_once(context: Context) -> None:
    """Two parts that fit alone and not together."""
    half = Held("gold.weather", 20 * 1024 * 1024, numbers=4)  # 640 MiB
    assert choose_engine(context, "join", [half]) is Engine.LOCAL
    assert choose_engine(context, "join", [half, half]) is Engine.SPARK


def test_an_engine_that_is_forced_and_does_not_fit_says_what_is_too_large(context: Context) -> None:
    with pytest.raises(BudgetError) as refused:
        choose_engine(declaring(context, engine=Engine.LOCAL), "the join", [FITS, TOO_LARGE, UNKNOWN])
    message = str(refused.value)
    assert "about 30517 MiB are needed, declared are 1024" in message
    assert "gold.places: its log does not tell its rows" in message
    assert "gold.routes: 1000000000 rows, about 30517 MiB" in message
    assert "raise memory_budget_mib in project.yml, or write engine: auto or spark" in message


def test_both_engines_make_the_same_training_set(context: Context) -> None:
    model, lake = context.config.models["late"], context.lake
    versions = {each: lake.version(lake.address("bronze", each)) for each in ("orders", "deliveries")}
    inputs = gold_inputs(context, model)
    on_spark = build_on_spark(context, model, "set", inputs, versions)
    in_process = build_in_process(context, model, "set", inputs, versions)
    again = context.spark.createDataFrame(in_process.rows)
    assert again.schema.simpleString() == on_spark.rows.schema.simpleString()
    assert read_content(again) == read_content(on_spark.rows)
    assert (in_process.split_of, in_process.matured, in_process.void) == (
        on_spark.split_of,
        on_spark.matured,
        on_spark.void,
    )


def test_both_engines_give_a_model_the_same_inputs(context: Context) -> None:
    """Rows without a state, late rows and on-demand columns included; a hidden future changes neither."""
    earlier = context.at(context.as_of - timedelta(days=10))
    model = context.config.models["late"]
    spine, inputs = spine_as_of(earlier, model), gold_inputs(earlier, model)
    on_spark = add_on_spark(earlier, model, spine, inputs)
    in_process = earlier.spark.createDataFrame(add_in_process(earlier, model, spine.toArrow(), inputs))
    assert in_process.schema.simpleString() == on_spark.schema.simpleString()
    assert rows_of(in_process, "prediction_id") == rows_of(on_spark, "prediction_id")


def test_both_engines_read_the_same_training_data(context: Context) -> None:
    model, pinned = context.config.models["late"], find_training_set(context, "late")
    local, spark = (
        read_training_data(declaring(context, engine=each), model, pinned) for each in (Engine.LOCAL, Engine.SPARK)
    )
    assert local.frame.equals(spark.frame)
    assert local.logged.equals(spark.logged)
    for name in ("label", "split", "days", "prediction_seconds"):
        assert (getattr(local, name) == getattr(spark, name)).all()
