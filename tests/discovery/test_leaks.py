"""Which inputs are made of what the label is made of, from the declarations alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.loading import load_config
from lakeloop.discovery.leaks import find_label_columns

CONFIG = load_config(Path(__file__).parents[2])
MODEL = CONFIG.models["late_arrival"]


def test_what_happened_to_others_is_no_leak() -> None:
    assert "is_late" in CONFIG.sources["outcomes"].derive
    assert any(name.startswith("carrier_delays.") for name in MODEL.features)
    assert find_label_columns(CONFIG, MODEL) == ()


@pytest.mark.parametrize(
    ("known", "shared"),
    [
        ("arrival_delay_minutes", ("arrival_delay_minutes",)),
        ("is_late", ("arrival_delay_minutes",)),
        ("elapsed_minutes", ("departure_utc", "arrival_utc")),
        ("distance", ()),
    ],
)
def test_a_known_column_of_the_labels_own_source_is_followed_to_what_landed(
    known: str, shared: tuple[str, ...]
) -> None:
    predict = MODEL.predict.model_copy(update={"from_": "outcomes", "known": (known,)})
    model = MODEL.model_copy(update={"predict": predict, "on_demand": {}})
    found = find_label_columns(CONFIG, model)
    assert [(each.column, set(each.made_of)) for each in found] == ([(known, set(shared))] if shared else [])


def test_a_feature_keyed_by_the_rows_own_id_is_a_leak() -> None:
    by_carrier = CONFIG.feature_tables["carrier_delays"]
    own = by_carrier.model_copy(update={"entity": (*MODEL.predict.id,)})
    config = replace(CONFIG, feature_tables={**CONFIG.feature_tables, "carrier_delays": own})
    found = {each.column for each in find_label_columns(config, MODEL)}
    assert "carrier_delays__mean_is_late_1d" in found
    assert not any(name.startswith("route_delays__") for name in found)


@pytest.mark.parametrize(("keys", "is_leak"), [(MODEL.predict.id, True), (("carrier",), False)])
def test_a_feature_made_of_another_gold_table_is_followed_to_the_labels_source(
    keys: tuple[str, ...], is_leak: bool
) -> None:
    by_carrier = CONFIG.feature_tables["carrier_delays"]
    below = by_carrier.model_copy(update={"feature_table": "below", "entity": keys})
    made = f"select {', '.join(MODEL.predict.id)}, mean_is_late_1d as seen from gold.below"
    features = {"seen": {"type": "double"}}
    declared = {"feature_table": "above", "entity": MODEL.predict.id, "every": "1 day", "needs": "7 days"}
    above = FeatureTable.model_validate({**declared, "sql": made, "features": features})
    config = replace(CONFIG, feature_tables={**CONFIG.feature_tables, "below": below, "above": above})
    model = MODEL.model_copy(update={"features": ("above.seen",)})
    expected = [("above__seen", ("arrival_delay_minutes",))] if is_leak else []
    assert [(each.column, each.made_of) for each in find_label_columns(config, model)] == expected
