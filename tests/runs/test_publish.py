"""A publish on the small project: what is served, once, the newest only, and whole whatever broke off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lakeloop import schemas
from lakeloop.cli import main
from lakeloop.config import Config, load_config
from lakeloop.errors import ConflictError, EnvironmentProblemError
from lakeloop.online_store.encoding import to_micros
from lakeloop.online_store.opening import open_store
from lakeloop.online_store.store import Found, Key
from lakeloop.point_in_time import arrow
from lakeloop.point_in_time.lookup import Lookup
from lakeloop.runs import publish as publishing
from lakeloop.runs.backfill import run_backfill
from lakeloop.runs.backfill_scope import Asked
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.ledger import run_step
from lakeloop.runs.publish import PublishResult, publish
from lakeloop.serving.bundle import read_current
from lakeloop.statuses import Outcome
from lakeloop.tables import read_arrow
from tests.laws.small_loop import TURNS
from tests.online_store.redis_server import REDIS_SERVER, free_port, running_redis
from tests.outside import skip_without
from tests.shared import finished_project

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.loop

EARLIER, NOW = TURNS
SHOPS: list[Key] = [("A",), ("B",), ("C",), ("nobody",)]
ASKED = {"shop_delays": SHOPS, "shop_last": SHOPS}


class StoppedError(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not REDIS_SERVER.exists():
        skip_without(str(REDIS_SERVER), "install the distribution's package redis-server")
    with running_redis(tmp_path_factory.mktemp("redis")) as address:
        yield address


def project_at(folder: Path, store: str = "sqlite:///{workspace}/online.db") -> Config:
    """A copy of the finished project that publishes to a store; the copy may be changed."""
    root = Path(shutil.copytree(finished_project().root, folder))
    file = root / "conf/base/project.yml"
    file.write_text(file.read_text() + f"online_store: {{address: '{store}', timeout: 5 seconds}}\n")
    return load_config(root)


def empty(address: str) -> None:
    import redis

    with redis.Redis.from_url(address) as client:
        client.flushdb()


@pytest.fixture(params=["sqlite", "redis"])
def config(request: pytest.FixtureRequest, spark: SparkSession, tmp_path: Path) -> Config:
    if request.param == "sqlite":
        return project_at(tmp_path / "project")
    address: str = request.getfixturevalue("redis_address")
    empty(address)
    return project_at(tmp_path / "project", address)


@pytest.fixture
def own(spark: SparkSession, tmp_path: Path) -> Config:
    return project_at(tmp_path / "project")


def served(config: Config) -> Found:
    with closing(open_store(config.online_store_address, config.project.project, read_only=True)) as store:
        return store.look_up(ASKED)


def recorded(config: Config) -> list[dict[str, Any]]:
    rows = Context(config, NOW).lake.own_rows(schemas.PUBLISHES, None)
    plain = [{name: value for name, value in row.items() if name != "delta_version"} for row in rows]
    return sorted(plain, key=lambda row: (row["as_of"], row["table"]))


def looked_up(context: Context, table: str, at: datetime) -> dict[str, tuple[Any, ...]]:
    """Shop -> features and status that the loop's own look-up gives at an instant."""
    declared = context.config.feature_tables[table]
    columns = [*declared.entity, "event_ts", "available_ts", *declared.feature_names]
    rows = read_arrow(context.lake, context.lake.address("gold", table), at, columns)
    spine = pa.table(
        {"shop": [key[0] for key in SHOPS], "prediction_ts": pa.array([at] * len(SHOPS), pa.timestamp("us", "UTC"))}
    )
    lookup = Lookup(table, rows, declared.entity, declared.feature_names, at, declared.every, None)
    names = [f"{table}__{name}" for name in declared.feature_names]
    found = arrow.join_as_of(spine, [lookup]).to_pylist()
    return {row["shop"]: tuple(row[name] for name in names) for row in found}


def test_what_is_served_equals_the_point_in_time_look_up(config: Config) -> None:
    context = Context(config, NOW)
    result = publish(context, "late")
    assert (result.model_version, result.outcome, result.bundle_written) == ("2", Outcome.WRITTEN, True)
    assert [(each.table, each.outcome, each.rows) for each in result.tables] == [
        ("shop_delays", Outcome.WRITTEN, 3),
        ("shop_last", Outcome.WRITTEN, 3),
    ]
    assert result.summary == "version 2 published, 6 rows of 2 tables"
    found = served(config)
    for table in ASKED:
        published = found.tables[table]
        assert (published.built_through, published.published_as_of) == (NOW, NOW)
        assert tuple(published.features) == config.feature_tables[table].feature_names
        expected = looked_up(context, table, NOW)
        for (shop,), state in zip(SHOPS, found.states[table], strict=True):
            if shop == "nobody":
                assert state is None
                continue
            assert state is not None
            assert state.values == expected[str(shop)]
            assert state.event_micros <= state.available_micros <= to_micros(NOW)


def test_the_version_that_a_turn_promoted_is_published_at_the_turn_s_own_instant(own: Config) -> None:
    first = publish(Context(own, EARLIER), "late")
    assert first.model_version == "1"
    bundle, files = read_current(own.workspace / "serving/late")
    assert (bundle.version, bundle.bundle_id, bundle.published_as_of) == ("1", first.bundle_id, EARLIER)
    assert bundle.columns == {"shop": "string", "items": "int", "prediction_ts": "timestamp", "order": "bigint"}
    assert bundle.required == ("shop", "items", "prediction_ts")
    assert (files / "MLmodel").is_file()
    second = publish(Context(own, NOW), "late")
    assert second.model_version == "2"
    assert read_current(own.workspace / "serving/late")[0].version == "2"


def test_a_second_publish_changes_nothing(config: Config) -> None:
    context = Context(config, NOW)
    first = publish(context, "late")
    before, rows = served(config), recorded(config)
    second = publish(context, "late")
    tables = tuple(replace(each, outcome=Outcome.SKIPPED, rows=0) for each in first.tables)
    assert second == replace(first, outcome=Outcome.SKIPPED, bundle_written=False, tables=tables)
    assert second.summary == "version 2 already published"
    assert served(config) == before
    assert recorded(config) == rows
    assert [(row["table"], row["rows"], row["outcome"]) for row in rows] == [
        ("shop_delays", 3, "WRITTEN"),
        ("shop_last", 3, "WRITTEN"),
    ]


def test_what_came_since_the_last_publish_gives_what_all_rows_give(config: Config) -> None:
    publish(Context(config, EARLIER), "late")
    early = served(config)
    assert early.states["shop_last"] != (None,) * 4
    publish(Context(config, NOW), "late")
    gone_on = served(config)
    assert gone_on.states != early.states
    generations = {name: each.generation for name, each in early.tables.items()}
    assert {name: each.generation for name, each in gone_on.tables.items()} == generations
    full = publish(Context(config, NOW), "late", full=True)
    anew = served(config)
    assert [each.outcome for each in full.tables] == [Outcome.WRITTEN] * 2
    assert anew.states == gone_on.states
    assert all(anew.tables[name].generation != generation for name, generation in generations.items())
    assert len(recorded(config)) == 6


def test_spark_publishes_what_the_engine_in_process_does(own: Config, tmp_path: Path) -> None:
    publish(Context(own, EARLIER), "late")
    publish(Context(own, NOW), "late")
    other = project_at(tmp_path / "other")
    by_spark = replace(other, project=other.project.model_copy(update={"engine": "spark"}))
    publish(Context(by_spark, EARLIER), "late")
    publish(Context(by_spark, NOW), "late")
    assert served(by_spark) == served(own)
    assert recorded(by_spark) == recorded(own)


def test_an_earlier_instant_than_the_one_served_is_refused(own: Config) -> None:
    publish(Context(own, NOW), "late")
    with pytest.raises(ConflictError) as refused:
        publish(Context(own, EARLIER), "late")
    assert str(refused.value).splitlines() == [
        "publish of model late as of 2024-01-25T00:00:00Z: conflicts with what is recorded",
        "  - order: it is served as of 2024-02-04T00:00:00Z",
        "  remedy: go forward: name 2024-02-04T00:00:00Z or a later --as-of; servers answer with the newest state only",
    ]
    assert served(own).tables["shop_last"].built_through == NOW


@pytest.mark.slow
def test_a_backfill_begins_a_new_generation_of_its_table_only(own: Config) -> None:
    publish(Context(own, NOW), "late")
    before = served(own)
    late = "order,shop,delivered_ts,delay_minutes\n999001,A,2024-02-03T20:00:00Z,99\n999002,B,2024-02-04T00:20:00Z,1\n"
    (own.workspace / "landing/deliveries/late.csv").write_text(late)
    later = Context(own, NOW + timedelta(hours=1))
    run_step(later, "ingest", ingest)
    run_step(later, "features", build_features)
    run_backfill(later, Asked("shop_delays", NOW - timedelta(days=9), later.as_of))
    result = publish(later, "late")
    after = served(own)
    assert after.tables["shop_delays"].generation != before.tables["shop_delays"].generation
    assert after.tables["shop_last"].generation == before.tables["shop_last"].generation
    for table in ASKED:
        expected = looked_up(later, table, later.as_of)
        found = {key[0]: state and state.values for key, state in zip(SHOPS, after.states[table], strict=True)}
        assert {shop: values for shop, values in found.items() if values} == {
            shop: expected[str(shop)] for shop in "ABC"
        }
    assert result.tables[0].rows == 3


def test_a_store_that_is_down_is_told_and_nothing_is_recorded(spark: SparkSession, tmp_path: Path) -> None:
    config = project_at(tmp_path / "project", f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(EnvironmentProblemError, match=r"online store redis://127\.0\.0\.1:"):
        publish(Context(config, NOW), "late")
    assert recorded(config) == []
    assert not (config.workspace / "serving").exists()


# --- stopped at every point -------------------------------------------------------------------------------------------

POINTS = ("stage", "half a stage", "staged", "swap", "swapped", "bundle", "bundle written", "recorded")


def stop_at(patched: pytest.MonkeyPatch, point: str) -> None:
    """Let the next publish end at a point; of the two tables the second is the one it ends in."""

    def stopping(call: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
        def stopped(*given: Any, **named: Any) -> Any:
            if not before:
                call(*given, **named)
            raise StoppedError

        return stopped

    def opened(*given: Any, **named: Any) -> Any:
        store = open_store(*given, **named)
        if point in ("swap", "swapped"):
            patched.setattr(store, "swap", stopping(store.swap, before=point == "swap"))
            return store
        stage = store.stage

        def staged(table: Any, rows: Any) -> int:
            if table.table == "shop_delays":
                return stage(table, rows)
            if point == "half a stage":
                rows = breaking(rows)
            if point != "stage":
                stage(table, rows)
            raise StoppedError

        patched.setattr(store, "stage", staged)
        return store

    def breaking(rows: Any) -> Iterator[Any]:
        yield next(iter(rows))
        raise StoppedError

    if point in ("bundle", "bundle written"):
        patched.setattr(publishing, "write_bundle", stopping(publishing.write_bundle, before=point == "bundle"))
    elif point == "recorded":
        patched.setattr(publishing, "_record", stopping(publishing._record, before=False))
    else:
        patched.setattr(publishing, "open_store", opened)


@pytest.mark.parametrize(
    ("point", "full"),
    [*((point, False) for point in POINTS), *((point, True) for point in ("half a stage", "swap", "swapped"))],
)
def test_a_publish_stopped_anywhere_is_served_whole_or_not_and_the_same_call_ends_it(
    config: Config, clean: Callable[[bool], tuple[Found, list[dict[str, Any]], PublishResult]], point: str, full: bool
) -> None:
    wanted, rows, _ = clean(full)
    publish(Context(config, EARLIER), "late")
    before = served(config)
    with pytest.MonkeyPatch.context() as patched:
        stop_at(patched, point)
        with pytest.raises(StoppedError):
            publish(Context(config, NOW), "late", full=full)
    is_swapped = POINTS.index(point) > POINTS.index("swap")
    assert served(config) == (wanted if is_swapped else before)
    version = read_current(config.workspace / "serving/late")[0].version
    assert version == ("2" if POINTS.index(point) > POINTS.index("bundle") else "1")
    publish(Context(config, NOW), "late", full=full)
    assert served(config) == wanted
    assert read_current(config.workspace / "serving/late")[0].version == "2"
    assert recorded(config) == rows


@pytest.fixture(scope="module")
def clean(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], tuple[Found, list[dict[str, Any]], PublishResult]]:
    """What two publishes that nothing stopped leave, the second of what is new or of everything."""
    left: dict[bool, tuple[Found, list[dict[str, Any]], PublishResult]] = {}
    for full in (False, True):
        config = project_at(tmp_path_factory.mktemp("clean") / "project")
        publish(Context(config, EARLIER), "late")
        result = publish(Context(config, NOW), "late", full=full)
        left[full] = (served(config), recorded(config), result)
    return left.__getitem__


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_the_verb_publishes_the_models_that_are_named(own: Config, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--as-of", "2024-02-04", "--project", str(own.root), "--json"]
    with pytest.raises(SystemExit) as ended:
        main(["publish", "late", *given])
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (ended.value.code, line["verb"], line["result"]["late"]["model_version"]) == (0, "publish", "2")
    assert [each["rows"] for each in line["result"]["late"]["tables"]] == [3, 3]
    (run,) = [row for row in Context(own, NOW).lake.own_rows(schemas.RUNS, None) if row["job"] == "publish"]
    assert (run["step"], run["subject"], run["as_of"]) == ("publish", "late", NOW)
    with pytest.raises(SystemExit) as ended:
        main(["publish", "lat", *given])
    error = json.loads(capsys.readouterr().out.splitlines()[-1])["error"]
    assert (ended.value.code, error["message"]) == (
        2,
        "MODEL: got 'lat'; allowed: late; remedy: did you mean 'late'?",
    )


def test_a_publish_after_later_turns_is_let_through_and_recorded_once(own: Config) -> None:
    context = Context(own, EARLIER)
    for _ in range(2):
        run_step(context, "publish", publish, "late")
    runs = [row for row in context.lake.own_rows(schemas.RUNS, None) if row["job"] == "publish"]
    assert [(row["as_of"], row["subject"]) for row in runs] == [(EARLIER, "late")]
    assert EARLIER + timedelta(days=10) == NOW
