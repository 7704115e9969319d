"""A look-up online means what the point-in-time join means, with one word more where a store cannot know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.errors import ConflictError, NotReadyError
from lakeloop.on_demand.arrow import as_model_input
from lakeloop.online_store.store import State
from lakeloop.point_in_time.arrow import join_as_of
from lakeloop.point_in_time.lookup import Lookup
from lakeloop.serving.bundle import BundleTable
from lakeloop.serving.columns import instant_of, kind_of
from lakeloop.serving.predictor import asked_of, keys_of, lay_out, model_columns, plan_of, resolve
from lakeloop.statuses import LookupStatus
from tests.serving.factories import BUILT, HOUR, TABLES, MemoryStore, make_bundle, micros, published

ARROW: Mapping[str, pa.DataType] = {
    "double": pa.float64(),
    "bigint": pa.int64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}
TYPES = {"wind": "double", "orders": "bigint", "sky": "string", "is_open": "boolean", "seen_ts": "timestamp"}
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "wind": st.floats(allow_infinity=False, allow_nan=False),
    "orders": st.integers(-(2**63), 2**63 - 1),
    "sky": st.text(max_size=3),
    "is_open": st.booleans(),
    "seen_ts": st.integers(-(10**15), 2 * 10**15),
}
START = datetime(2024, 2, 1, tzinfo=UTC)
instants = st.integers(0, 12).map(lambda half: micros(START + half * HOUR / 2))


@st.composite
def gold(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of a state log: one per entity and `available_ts`."""
    rows = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "shop": st.sampled_from(["A", "B", None]),
                    "order": st.sampled_from([1, 2, None]),
                    "available": instants,
                    "age": st.integers(0, 4),
                    **{name: st.none() | of for name, of in VALUES.items()},
                }
            ),
            max_size=8,
            unique_by=lambda row: (row["shop"], row["order"], row["available"]),
        )
    )
    return [{**row, "event": row["available"] - row["age"] * 1_800_000_000} for row in rows]


@given(
    gold(),
    st.lists(
        st.tuples(st.sampled_from(["A", "B", "Z", None]), st.sampled_from([1, 2, None]), instants),
        min_size=1,
        max_size=6,
    ),
    instants,
    st.sampled_from([None, HOUR]),
    st.sampled_from([None, HOUR]),
)
def test_online_look_ups_are_those_of_the_point_in_time_join(rows, spine, built, every, ttl):
    known = [row for row in rows if row["available"] <= built]
    table = BundleTable("gold", ("shop", "order"), tuple(TYPES), every, ttl, "spec")
    columns = {"shop": "string", "order": "bigint", "at": "timestamp"}
    inputs = ("shop", "order", "at", *(f"gold__{name}" for name in TYPES))
    plan = plan_of(make_bundle(tables=(table,), columns=columns, inputs=inputs, required=("shop", "order", "at")))
    newest: dict[Any, State] = {}
    for row in sorted(known, key=lambda each: each["available"]):
        if row["shop"] is not None and row["order"] is not None:
            values = tuple(row[name] for name in TYPES)
            newest[row["shop"], row["order"]] = State(row["available"], row["event"], values)
    manifest = published(
        table,
        features=TYPES,
        key_types={"shop": "string", "order": "bigint"},
        built_through=instant_of(built),
    )
    store = MemoryStore({"gold": manifest}, {"gold": newest})
    asked = [{"shop": shop, "order": order, "at": at} for shop, order, at in spine]
    at = [row["at"] for row in asked]
    keys = keys_of(plan, asked)
    found = store.look_up(asked_of(plan, keys))
    (features,) = resolve(lay_out(plan, found.tables), keys, at, found)
    given_to_model = model_columns(plan, asked, at, [features])

    frame = pa.table(
        {
            "shop": pa.array([row["shop"] for row in asked], pa.string()),
            "order": pa.array([row["order"] for row in asked], pa.int64()),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
        }
    )
    log = pa.table(
        {
            "shop": pa.array([row["shop"] for row in known], pa.string()),
            "order": pa.array([row["order"] for row in known], pa.int64()),
            "event_ts": pa.array([row["event"] for row in known], pa.timestamp("us", "UTC")),
            "available_ts": pa.array([row["available"] for row in known], pa.timestamp("us", "UTC")),
            **{name: pa.array([row[name] for row in known], ARROW[kind]) for name, kind in TYPES.items()},
        }
    )
    lookup = Lookup("gold", log, table.entity, tuple(TYPES), instant_of(built), every, ttl)
    joined = join_as_of(frame, [lookup], "at")
    expected = joined["gold__status"].to_pylist()
    for place, status in enumerate(features.statuses):
        key = (asked[place]["shop"], asked[place]["order"])
        if status is LookupStatus.AHEAD:  # the join finds an older state, or none; a store cannot tell which
            assert newest[key].available_micros > at[place]
            assert features.values[place] is None
        else:
            assert status.value == expected[place]
    same = [place for place, status in enumerate(features.statuses) if status is not LookupStatus.AHEAD]
    for name in inputs:
        mine, theirs = given_to_model[name][same], as_model_input(joined[name]).to_pandas().to_numpy()[same]
        if mine.dtype == object:
            assert [None if each != each else each for each in mine] == list(theirs)
        else:
            np.testing.assert_array_equal(mine, theirs.astype(np.float64))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"spec_hash": "another"}, "it is built by another declaration (another) than the model learned from"),
        ({"entity": ("shop", "day")}, "its key is shop, day, not shop"),
        ({"features": {"orders": "bigint"}}, "the feature mean_delay is not published"),
        ({"key_types": {"shop": "bigint"}}, "its key shop is bigint, the model's string"),
        (
            {"features": {"orders": "bigint", "mean_delay": "array<double>"}},
            "no model takes the type array<double> of mean_delay",
        ),
        ({"features": {"orders": "bigint", "mean_delay": "date"}}, "no model takes the type date of mean_delay"),
    ],
)
def test_a_table_that_is_not_the_one_the_model_learned_from_is_refused(changed, said):
    tables = {table.table: published(table) for table in TABLES}
    tables["shop_delays"] = published(TABLES[0], **changed)
    with pytest.raises(NotReadyError) as error:
        lay_out(plan_of(make_bundle()), tables)
    assert [str(each) for each in error.value.failures] == [f"shop_delays: {said}"]
    assert "lakeloop publish" in error.value.remedy


def test_whole_numbers_of_another_width_are_the_same_key():
    table = BundleTable("gold", ("order",), ("mean_delay",), None, None, "spec")
    plan = plan_of(make_bundle(tables=(table,), columns={"order": "int"}, inputs=("gold__mean_delay",), required=()))
    manifest = published(table, key_types={"order": "bigint"}, spec_hash="spec")
    assert lay_out(plan, {"gold": manifest})[0].built_micros == micros(BUILT)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"columns": {"shop": "array<int>", "items": "int", "order_ts": "timestamp"}},
            "a request cannot give the type",
        ),
        ({"inputs": ("absent",)}, "absent: neither the request nor a table gives it"),
        ({"columns": {"shop": "string", "items": "date", "order_ts": "timestamp"}}, "no model takes the type date"),
        ({"columns": {"items": "int", "order_ts": "timestamp"}}, "the key of shop_delays is no column of a request"),
    ],
)
def test_a_bundle_that_no_request_can_answer_is_refused(changed, said):
    with pytest.raises(ConflictError, match=said.replace("(", r"\(")):
        plan_of(make_bundle(**changed))


def test_features_are_taken_by_name_whatever_their_order():
    turned = {"orders": "bigint", "mean_delay": "double"}
    tables = {table.table: published(table) for table in TABLES} | {
        "shop_delays": published(TABLES[0], features=turned)
    }
    layout = lay_out(plan_of(make_bundle()), tables)
    assert layout[0].places == (1, 0)
    assert [kind.name for kind in layout[0].kinds] == ["double", "bigint"]


def test_values_are_what_a_turn_of_the_loop_gives():
    assert kind_of("float").annotation is not kind_of("double").annotation
    assert kind_of("decimal(10,2)").to_input is float
