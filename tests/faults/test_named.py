"""Each fault by name: a clear error or success, and once it is gone the same call leaves what a clean run leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakeloop.config import Config, load_config
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.ledger import run_step
from tests.faults import mounts
from tests.laws.clean import CleanRun, clean_run
from tests.laws.compare import assert_same_run
from tests.laws.small_loop import TURNS, land
from tests.misuse.finished import LAST, Call, edit
from tests.online_store.redis_server import REDIS_SERVER, free_port, running_redis

pytestmark = [pytest.mark.loop, pytest.mark.slow]

needs_mount = pytest.mark.needs(mounts.can_mount(), "the right to mount file systems", "run the tests as root on Linux")
needs_redis = pytest.mark.needs(
    REDIS_SERVER.exists(), str(REDIS_SERVER), "install the distribution's package redis-server"
)
DISK_MIB = 24


@pytest.fixture(scope="module")
def clean(spark: SparkSession) -> CleanRun:
    assert spark
    return clean_run()


@pytest.fixture
def second(clean: CleanRun, tmp_path: Path) -> Config:
    """The small project before its second turn, whose files have landed."""
    return before_second(clean, tmp_path / "project")


def before_second(clean: CleanRun, root: Path) -> Config:
    config = load_config(Path(shutil.copytree(clean.first, root)))
    land(config, TURNS[1], after=TURNS[0])
    return config


def commits(config: Config) -> list[str]:
    return sorted(str(path) for path in config.workspace.glob("*/*/_delta_log/*.json"))


def assert_mended(call: Call, config: Config, clean: CleanRun, *, but: tuple[str, ...] = ()) -> None:
    """The fault is gone: the same call comes to its end and leaves what a clean run leaves."""
    ended = call(config.root, "run", as_of=LAST)
    assert ended.code == 0, ended.said
    assert_same_run(clean.config, config, but=but)


# --- disks -----------------------------------------------------------------------------------------------------------


@needs_mount
def test_a_disk_that_is_full_at_any_point_of_a_turn_is_told(call: Call, clean: CleanRun, tmp_path: Path) -> None:
    """Each time there is a little more room, so that the turn gets a little further."""
    with mounts.small_disk(tmp_path / "disk", DISK_MIB) as disk:
        config = before_second(clean, disk / "project")
        ballast, told = disk / "ballast", []
        for kibibytes in (0, 40, 120, 300, 700, 1500):
            fill(disk, ballast, kibibytes * 1024)
            ended = call(config.root, "run", as_of=LAST)
            if ended.code == 0:
                break
            told.append(ended)
        ballast.unlink()
        assert len(told) >= 3
        for ended in told:
            assert ended.code == 7, ended.said
            assert "no space left" in ended.said or "No space left on device" in ended.said, ended.said
            assert "remedy: " in ended.said
            assert "\tat " not in ended.said
        assert_mended(call, config, clean)


def fill(disk: Path, ballast: Path, left: int) -> None:
    """Leave so many bytes of a disk."""
    ballast.unlink(missing_ok=True)
    with ballast.open("wb") as file:
        file.truncate(0)
        remaining = shutil.disk_usage(disk).free - left
        while remaining > 0:
            file.write(bytes(min(remaining, 4096)))
            file.flush()
            remaining = shutil.disk_usage(disk).free - left


@needs_mount
def test_a_workspace_that_became_read_only_is_told(call: Call, clean: CleanRun, second: Config) -> None:
    before = commits(second)
    with mounts.read_only(second.workspace):
        ended = call(second.root, "run", as_of=LAST)
    assert (ended.code, commits(second)) == (7, before)
    assert ended.said == (
        f"workspace {second.workspace}: the environment is not ready\n"
        "  - folder: it cannot be written to: Read-only file system\n"
        "  remedy: name a folder that can be written to as workspace in project.yml, or mend its permissions\n"
    )
    assert_mended(call, second, clean)


@needs_mount
def test_a_layer_that_became_read_only_is_told(call: Call, clean: CleanRun, second: Config) -> None:
    """A part of the workspace on a disk of its own, which the system has taken back."""
    with mounts.read_only(second.workspace / "gold"):
        ended = call(second.root, "run", as_of=LAST)
    assert ended.code == 7, ended.said
    assert "the machine: the environment is not ready\n  - read-only: " in ended.said, ended.said
    assert_mended(call, second, clean)


# --- damage ----------------------------------------------------------------------------------------------------------


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """Change a byte of the first page; what Hadoop keeps beside local files, and no object store has, is taken away."""
    data = bytearray(path.read_bytes())
    data[len(data) // 10] ^= 0x55
    path.write_bytes(data)
    path.with_name(f".{path.name}.crc").unlink(missing_ok=True)


@contextmanager
def damaged(path: Path, damage: Callable[[Path], None], aside: Path) -> Iterator[None]:
    """A file that is damaged for a while."""
    beside = path.with_name(f".{path.name}.crc")
    kept = [each for each in (path, beside) if each.exists()]
    aside.mkdir()
    for each in kept:
        shutil.copy2(each, aside / each.name)
    damage(path)
    try:
        yield
    finally:
        for each in kept:
            shutil.copy2(aside / each.name, each)


@pytest.mark.parametrize("table", ["bronze/deliveries", "gold/shop_delays"])
@pytest.mark.parametrize("damage", [truncate, flip])
def test_a_damaged_data_file_is_told_before_anything_is_built_on_it(
    call: Call, clean: CleanRun, second: Config, tmp_path: Path, table: str, damage: Callable[[Path], None]
) -> None:
    run_step(Context(second, TURNS[1]), "ingest", ingest)
    if table.startswith("gold"):
        run_step(Context(second, TURNS[1]), "features", build_features)
    layer, name = table.split("/")
    path = sorted((second.workspace / table).glob("*.parquet"), key=lambda each: each.stat().st_size)[-1]
    before = commits(second)
    with damaged(path, damage, tmp_path / "aside"):
        ended = call(second.root, "features" if layer == "bronze" else "score", as_of=LAST)
    assert ended.code == 6, ended.said
    assert "\tat " not in ended.said
    if damage is truncate:
        assert commits(second) == before
        assert ended.said.startswith(
            f"{layer}.{name}: conflicts with what is recorded\n"
            f"  - files: 1 of its files are not as long as they were written, the first is {path.name}\n"
        )
    else:
        assert "the tables: conflicts with what is recorded\n  - a data file is damaged: " in ended.said, ended.said
    assert_mended(call, second, clean, but=("ops/runs",))  # its steps before the fault were called by their own verbs


def cut_newest(log: Path) -> Path:
    path = max(log.glob("*.json"))
    path.write_bytes(path.read_bytes()[:60])
    return path


def lose_first(log: Path) -> Path:
    path = min(log.glob("*.json"))
    path.unlink()
    return path


@pytest.mark.parametrize("table", ["bronze/orders", "ops/decisions"])
@pytest.mark.parametrize("damage", [cut_newest, lose_first])
def test_a_damaged_log_is_told_before_anything_is_built_on_it(
    call: Call, clean: CleanRun, second: Config, tmp_path: Path, table: str, damage: Callable[[Path], Path]
) -> None:
    log = second.workspace / table / "_delta_log"
    shutil.copytree(log, tmp_path / "log")
    damage(log)
    before = commits(second)
    ended = call(second.root, "run", as_of=LAST)
    assert (ended.code, commits(second)) == (6, before), ended.said
    lines = ended.said.splitlines()
    assert lines[0] == f"{table.replace('/', '.')}: conflicts with what is recorded"
    assert lines[1].startswith("  - log: "), ended.said
    assert lines[2].startswith("  remedy: put the table's folder back from a backup"), ended.said
    shutil.rmtree(log)
    shutil.copytree(tmp_path / "log", log)
    assert_mended(call, second, clean)


# --- servers ---------------------------------------------------------------------------------------------------------


def test_a_tracking_server_that_is_down_is_told_before_the_work(call: Call, clean: CleanRun, second: Config) -> None:
    address, before = f"http://127.0.0.1:{free_port()}", commits(second)
    edit(second.root, "project.yml", "seed: 7", f"seed: 7\ntracking_uri: {address}")
    ended = call(second.root, "run", as_of=LAST)
    assert (ended.code, commits(second)) == (7, before)
    assert ended.said == (
        "MLflow: the environment is not ready\n"
        f"  - tracking store: tracking_uri '{address}': no answer: [Errno 111] Connection refused\n"
        "  remedy: correct tracking_uri in project.yml, or start the tracking server; then call the same again\n"
    )
    edit(second.root, "project.yml", f"\ntracking_uri: {address}", "")
    assert_mended(call, second, clean)


@needs_redis
def test_an_online_store_that_is_down_is_told_and_filled_by_the_same_call(
    call: Call, clean: CleanRun, tmp_path: Path
) -> None:
    port, root = free_port(), tmp_path / "project"
    shutil.copytree(clean.config.root, root)
    with (root / "conf/base/project.yml").open("a") as file:
        file.write(f"online_store: {{address: 'redis://127.0.0.1:{port}/0', timeout: 5 seconds}}\n")
    config = load_config(root)
    before = commits(config)
    ended = call(root, "publish", as_of=LAST)
    assert (ended.code, commits(config)) == (7, before)
    assert ended.said.startswith(f"online store redis://127.0.0.1:{port}/0: the environment is not ready\n  - Connec")
    assert not (config.workspace / "serving").exists()
    with running_redis(tmp_path, port=port):
        assert call(root, "publish", as_of=LAST).code == 0
        assert (config.workspace / "serving/late/current.json").exists()
        assert call(root, "publish", as_of=LAST).code == 0
