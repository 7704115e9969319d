"""The audit of served values: clean answers are consistent, and a planted skew is found where it was planted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from starlette.testclient import TestClient

from lakeloop.config import load_config
from lakeloop.errors import EXIT_CODES, SkewError
from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import State
from lakeloop.runs import request_log
from lakeloop.runs.consistency import ConsistencyResult, audit_consistency
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.publish import publish
from lakeloop.runs.request_log import collect_requests
from lakeloop.runs.spine import spine_as_of
from lakeloop.serving.app import make_serving
from lakeloop.statuses import Outcome, ServedVerdict
from tests.laws.small_loop import TURNS, land
from tests.shared import finished_project

pytestmark = pytest.mark.loop

LAST = TURNS[-1]
NOON = LAST + timedelta(hours=12)
ROWS = 30
DELAYS = {f"shop_delays__{name}_is_late_{hours}" for name in ("mean", "count") for hours in ("6h", "2d")}


@pytest.fixture(scope="module")
def published(spark, tmp_path_factory) -> Path:
    """The finished project, published as of its last turn; half a day more has landed and is built."""
    root = tmp_path_factory.mktemp("published") / "own"
    shutil.copytree(finished_project().root, root)
    context = Context(load_config(root), LAST)
    publish(context, "late")
    land(context.config, NOON, after=LAST)
    ingest(context.at(NOON))
    build_features(context.at(NOON))
    return root


@pytest.fixture
def context(published, tmp_path) -> Context:
    root = tmp_path / "copy"
    shutil.copytree(published, root)
    return Context(load_config(root), NOON)


def ask(context: Context, now: datetime, batches: int = 1) -> None:
    """Let a server answer some rows, and log them."""
    config, model = context.config, context.config.models["late"]
    spine = spine_as_of(context, model).orderBy("prediction_id").limit(ROWS).toArrow()
    store = open_store(config.online_store_address, config.project.project, read_only=True)
    bundles, log = config.workspace / "serving" / "late", config.workspace / "request_log" / "late"
    serving = make_serving(bundles, store, clock=lambda: now, is_remote=False, log_folder=log)
    columns = [name for name in serving.champion.served.bundle.columns if name != "prediction_ts"]
    rows = [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        for row in spine.select(columns).to_pylist()
    ]
    with TestClient(serving.app) as client:
        for _ in range(batches):
            assert client.post("/predict", json={"rows": rows}).status_code == 200
    store.close()


def tamper(
    context: Context, table: str, change: Callable[[str, State], State], *, built_through: datetime | None = None
) -> None:
    """Serve other rows of a table than those that were published."""
    config = context.config
    store = open_store(config.online_store_address, config.project.project, read_only=False)
    served = store.manifest()[table]
    keys = [("A",), ("B",), ("C",)]
    states = store.look_up({table: keys}).states[table]
    planted = replace(served, generation="planted", built_through=built_through or served.built_through)
    rows = [(key, change(key[0], state)) for key, state in zip(keys, states, strict=True) if state is not None]
    assert store.stage(planted, rows) == 3
    store.swap([planted])
    store.close()


def skewed(result: ConsistencyResult) -> set[str]:
    return {each.column for each in result.findings if each.verdict is ServedVerdict.SKEWED}


def test_answers_of_servers_and_turns_are_what_the_offline_tables_say(context):
    ask(context, LAST, batches=2)
    result = audit_consistency(context, "late")
    assert result.verdict is ServedVerdict.CONSISTENT
    assert (result.rows["online"], result.collected.rows) == (2 * ROWS, 2 * ROWS)
    assert result.rows["offline"] == 100  # audit.sample
    assert result.failure() is None
    again = audit_consistency(context, "late")
    assert (again.outcome, again.rows, again.findings) == (Outcome.SKIPPED, result.rows, result.findings)


def test_a_store_that_was_not_published_again_and_says_so_is_stale(context):
    ask(context, NOON)
    result = audit_consistency(context, "late")
    assert result.verdict is ServedVerdict.STALE
    assert result.failure() is None
    assert DELAYS & {each.column for each in result.findings}


def test_a_store_that_claims_to_be_newer_than_its_rows_is_found(context):
    tamper(context, "shop_delays", lambda _, state: state, built_through=NOON)
    ask(context, NOON)
    result = audit_consistency(context, "late")
    found = skewed(result)
    assert found <= DELAYS | {"score"}
    assert found & DELAYS
    error = result.failure()
    assert isinstance(error, SkewError)
    assert error.exit_code == 4
    assert 4 in EXIT_CODES
    assert "of another value" in str(error)


def test_a_changed_transform_is_found_in_its_column_and_its_size_is_told(context):
    """Minutes became seconds on the way to the store."""

    def in_seconds(_: str, state: State) -> State:
        return state._replace(values=tuple(60.0 * float(each) for each in state.values))

    tamper(context, "shop_last", in_seconds)
    ask(context, LAST)
    result = audit_consistency(context, "late")
    assert skewed(result) == {"shop_last__last_delay_minutes", "score"}
    (found,) = [each for each in result.findings if each.column == "shop_last__last_delay_minutes"]
    assert found.compared.mismatch > 0
    assert found.compared.max_difference > 59


def test_a_delay_that_was_not_waited_for_is_found(context):
    """Rows of noon were served at midnight, when nobody could know them."""
    gold = DeltaTable(str(context.config.workspace / "gold" / "shop_delays")).to_pyarrow_table().to_pylist()
    names = context.config.feature_tables["shop_delays"].feature_names

    def too_early(shop: str, state: State) -> State:
        newest = max((row for row in gold if row["shop"] == shop), key=lambda row: row["available_ts"])
        assert newest["available_ts"] > LAST
        return state._replace(values=tuple(newest[name] for name in names))

    tamper(context, "shop_delays", too_early)
    ask(context, LAST)
    found = skewed(audit_consistency(context, "late"))
    assert found & DELAYS
    assert found <= DELAYS | {"score"}


def test_values_that_are_lost_on_the_way_are_missing(context):
    tamper(context, "shop_last", lambda _, state: state._replace(values=(None,)))
    ask(context, LAST)
    result = audit_consistency(context, "late")
    (found,) = [each for each in result.findings if each.column == "shop_last__last_delay_minutes"]
    assert (found.compared.missing > 0, found.compared.mismatch, found.compared.extra) == (True, 0, 0)


def test_requests_are_collected_once_wherever_it_was_stopped(context, monkeypatch):
    ask(context, LAST, batches=2)
    append, remove = request_log._append, shutil.rmtree

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(request_log, "_append", stop)  # taken, and not appended
    with pytest.raises(KeyboardInterrupt):
        collect_requests(context, "late")
    monkeypatch.setattr(request_log, "_append", append)
    monkeypatch.setattr(request_log.shutil, "rmtree", stop)  # appended, and not removed
    with pytest.raises(KeyboardInterrupt):
        collect_requests(context, "late")
    monkeypatch.setattr(request_log.shutil, "rmtree", remove)
    assert collect_requests(context, "late").rows == 0
    ask(context, LAST)
    assert collect_requests(context, "late").rows == ROWS
    table = DeltaTable(str(context.config.workspace / "requests" / "late")).to_pyarrow_table()
    assert table.num_rows == 3 * ROWS
    assert list((context.config.workspace / "request_log" / "late").rglob("*.parquet")) == []
