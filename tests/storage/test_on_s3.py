"""Tables on S3, by a double of it on this machine: needs moto's server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql.types import StructType

from lakeloop.config.workspace import S3Writers
from lakeloop.errors import NewerFormatError
from lakeloop.schemas import FEATURE_BUILDS, TEXT, column
from lakeloop.statuses import Outcome
from lakeloop.tables import Lake, Store, WriteIdentity, count_logged_rows, holds_version, probe_store, rewrite_words
from lakeloop.tables.objects import list_files, open_store, remove_table
from tests.storage.s3_double import BUCKET, environment, find_moto, running_s3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs(find_moto() is not None, "moto_server", "make test-tools, or name one with MOTO_SERVER"),
]

NOON = datetime(2024, 1, 25, 12, tzinfo=UTC)
BUILD = {"feature_table": "shops", "built_through": NOON, "rows": 3, "spec_hash": "a", "gold_version": 1, "as_of": NOON}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_s3(tmp_path_factory.mktemp("moto") / "log") as address, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(address).items():
            patch.setenv(name, value)
        yield address


@pytest.fixture
def lake(address: str, tmp_path: Path) -> Lake:
    root = f"s3a://{BUCKET}/{tmp_path.name}"
    return Lake(
        lambda: pytest.fail("Spark was started"),
        tmp_path / "local",
        retention=timedelta(days=30),
        store=Store(root, S3Writers.ONE),
    )


def write(lake: Lake, unit: str) -> Outcome:
    with lake.writing():
        return lake.append_own(FEATURE_BUILDS, [BUILD], WriteIdentity("features", unit)).outcome


def test_control_rows_are_written_once_read_back_and_whole(lake: Lake) -> None:
    assert not lake.exists(lake.own(FEATURE_BUILDS))
    assert lake.damage(lake.own(FEATURE_BUILDS), None) is None
    assert [write(lake, "first"), write(lake, "first"), write(lake, "second")] == ["WRITTEN", "SKIPPED", "WRITTEN"]
    address = lake.own(FEATURE_BUILDS)
    assert address.path.startswith("s3a://lake/")
    assert [row["rows"] for row in lake.own_rows(FEATURE_BUILDS, NOON)] == [3, 3]
    assert lake.own_rows(FEATURE_BUILDS, NOON - timedelta(hours=1)) == []
    assert (lake.version(address), count_logged_rows(lake, address)) == (2, 2)
    assert [holds_version(lake, address, each) for each in (0, 1, 2, 9)] == [True, True, True, False]
    assert lake.damage(address, lake.read_head(address)) is None


def test_a_file_that_is_gone_is_noticed(lake: Lake) -> None:
    write(lake, "first")
    address = lake.own(FEATURE_BUILDS)
    (gone,) = [each for each in list_files(address.path) if each.endswith(".parquet")]
    open_store(address.path).delete_file(gone)
    damage = lake.damage(address, None)
    assert damage is not None
    assert str(damage.failure) == f"files: 1 of its files are gone, the first is {gone}"
    assert not holds_version(lake, address, 1)


def test_a_table_that_is_gone_is_noticed(lake: Lake) -> None:
    write(lake, "first")
    address, head = lake.own(FEATURE_BUILDS), lake.read_head(lake.own(FEATURE_BUILDS))
    remove_table(address.path)
    damage = lake.damage(address, head)
    assert damage is not None
    assert str(damage.failure) == "table: it is gone; it was at version 1"


def test_words_retention_and_format_follow_the_declaration(lake: Lake) -> None:
    address, columns = lake.address("gold", "shops"), StructType([column("shop", TEXT, "the shop")])
    lake.create(address, columns, "A shop.", {"owner": "ops"})
    assert rewrite_words(lake, address, columns, "A shop.", {"owner": "shops"})
    longer = Lake(lake._spark, lake.workspace, retention=timedelta(days=90), store=lake.store)
    longer.create(address, columns, "A shop.", {"owner": "shops"})
    said = DeltaTable(address.path).metadata().configuration
    assert said["lakeloop.owner"] == "shops"
    assert said["delta.logRetentionDuration"] == "interval 90 days"
    assert said["lakeloop.format"] == "1"


def test_a_newer_format_is_refused(lake: Lake) -> None:
    write(lake, "first")
    path = lake.own(FEATURE_BUILDS).path
    DeltaTable(path).alter.set_table_properties({"lakeloop.format": "2"}, raise_if_not_exists=False)
    with pytest.raises(NewerFormatError):
        Lake(lake._spark, lake.workspace, retention=timedelta(days=30), store=lake.store).own_rows(FEATURE_BUILDS, NOON)


def test_processes_that_commit_at_once_lose_nothing(lake: Lake, tmp_path: Path) -> None:
    """Conditional puts keep both; each has a lock of its own, so that nothing else keeps them apart."""
    write(lake, "first")
    code = (
        "import sys\n"
        "from datetime import timedelta\n"
        "from pathlib import Path\n"
        "from lakeloop.config.workspace import S3Writers\n"
        "from lakeloop.tables import Lake, Store\n"
        "from tests.storage.test_on_s3 import write\n"
        "lake = Lake(None, Path(sys.argv[2]), retention=timedelta(days=30), store=Store(sys.argv[1], S3Writers.ONE))\n"
        "for number in range(5):\n"
        "    assert write(lake, f'{sys.argv[2]} {number}') == 'WRITTEN'\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, lake.store.root, str(tmp_path / name)]) for name in ("a", "b")
    ]
    assert [each.wait(timeout=300) for each in started] == [0, 0]
    assert len(lake.own_rows(FEATURE_BUILDS, NOON)) == 11


def test_the_doctor_s_trial_finds_that_commits_are_kept_and_leaves_nothing(address: str, tmp_path: Path) -> None:
    root = f"s3a://{BUCKET}/{tmp_path.name}"
    found = probe_store(root, seconds=120)
    assert (found.problem, found.keeps_commits) == ("", True)
    assert list_files(root) == frozenset()
    assert "NoSuchBucket" in probe_store("s3a://nobody/here", seconds=120).problem
