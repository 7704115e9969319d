"""A package's source, rule and window function through bronze, quarantine and gold, in two turns and in one."""

from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version
from pyspark.sql import SparkSession

from lakeloop.config.loading import load_config
from lakeloop.errors import AccountingError, ConflictError, EnvironmentProblemError
from lakeloop.features.recompute import recompute
from lakeloop.plugins.readers import Fetched
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import SourceIngest, ingest
from tests.factories import SOURCE, frame, instant, make_reading, rows_of
from tests.plugins.shown import FILES, PAGE, PYPROJECTS, yaml_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shown")]

NOON, DUSK = instant("2014-06-01 12:00"), instant("2014-06-01 18:00")
EARLY = [
    ("EWR", "2014-06-01T08:00:00Z", 3.0),
    ("EWR", "2014-06-01T09:00:00Z", 4.0),
    ("JFK", "2014-06-01T09:00:00Z", 1.234),
]
LATE = [("EWR", "2014-06-01T14:00:00Z", 5.0)]


def insert(root: Path, rows: list[tuple[str, str, float]]) -> None:
    with closing(sqlite3.connect(root / "shop.db")) as database, database:
        database.execute("create table if not exists orders (origin, observed_ts, wind_mph)")
        database.executemany("insert into orders values (?, ?, ?)", rows)


def open_shop(root: Path, as_of: Any, **read: Any) -> Context:
    declared = yaml_of("sqlite", {"SHOP_FOLDER": str(root)})["read"]
    source = {key: each for key, each in SOURCE.items() if key != "landing"} | {
        "read": {"sqlite": {**declared["sqlite"], **read}},
        "rules": [{"rule": "decimals", "column": "wind_mph", "at_most": 2}],
        "history": {"trusted_until": "2030-01-01"},
    }
    winds = {"feature_table": "winds", "entity": ["origin"], "from": "weather", "every": "1 hour"}
    winds |= {"aggregate": [{"of": "wind_mph", "as": ["rms", "count"], "over": ["4 hours"]}]}
    project = {"project": "small", "retention": "30 days"}
    for file, content in {"project": project, "sources/weather": source, "features/winds": winds}.items():
        path = root / f"conf/base/{file}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Context(load_config(root), as_of)


def gold(context: Context) -> list[tuple[str, str, float | None, int]]:
    rows = rows_of(context.lake.read_uncut(context.lake.address("gold", "winds")), "origin", "available_ts")
    return [
        (row["origin"], f"{row['available_ts']:%H}", row["rms_wind_mph_4h"], row["count_wind_mph_4h"]) for row in rows
    ]


def test_rows_are_read_judged_and_computed_the_same_in_turns_at_once_and_one_by_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    root, whole = tmp_path / "turns", tmp_path / "whole"
    for each in (root, whole):
        each.mkdir()
        insert(each, EARLY)
    first = open_shop(root, NOON)
    assert ingest(first).sources == (SourceIngest("weather", 1, 0, 0, 0, 3, 2, 1, 0),)
    assert ingest(first).sources[0].rows_read == 0
    (rejected,) = rows_of(first.lake.read_uncut(first.lake.address("quarantine", "weather")))
    assert rejected["_reasons"] == [
        {"rule": "decimals_wind_mph", "column": "wind_mph", "message": "has more than 2 digits behind the point"}
    ]
    build_features(first)
    insert(root, LATE)
    later = open_shop(root, DUSK)
    assert ingest(later).sources == (SourceIngest("weather", 1, 0, 0, 0, 1, 1, 0, 0),)
    build_features(later)
    mean = math.sqrt((9 + 16) / 2)
    expected = [("09", 3.0, 1), ("10", mean, 2), ("13", 4.0, 1), ("14", None, 0), ("15", 5.0, 1)]
    assert gold(later) == [("EWR", hour, pytest.approx(rms) if rms else rms, rows) for hour, rms, rows in expected]

    insert(whole, LATE)
    at_once = open_shop(whole, DUSK)
    ingest(at_once)
    build_features(at_once)
    assert gold(at_once) == gold(later)

    events = later.lake.read_uncut(later.lake.address("bronze", "weather"))
    asked = spark.sql("select 'a' as _sample, timestamp'2014-06-01 11:30:00Z' as _asked_ts, 'EWR' as origin")
    (row,) = recompute(asked, events, later.config.feature_tables["winds"], DUSK).collect()
    assert row["rms_wind_mph_4h"] == pytest.approx(mean, rel=1e-9)


def test_a_reader_is_held_to_what_it_says(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    insert(tmp_path, EARLY)
    bounded = open_shop(tmp_path, NOON, at_most=2)
    assert [ingest(bounded).sources[0].rows_read for _ in range(3)] == [2, 1, 0]

    insert(tmp_path, LATE)
    import lakeloop_sqlite  # type: ignore[import-not-found]  # the package that docs/plugins.md shows

    def told(fetched: Any) -> None:
        monkeypatch.setattr(lakeloop_sqlite.SqliteTable, "fetch", lambda self, spark, after: fetched)

    columns = "origin string, observed_ts string, wind_mph string"
    rows = frame(spark, columns, [make_reading(observed_ts="2014-06-01T10:00:00Z")])
    told(Fetched(rows, 2, "9"))
    with pytest.raises(AccountingError, match="2 were counted where they are, 1 were read"):
        ingest(open_shop(tmp_path, DUSK, at_most=2))
    for wrong, said in (
        (Fetched(rows, 1, "3"), "ValueError: fetch gave rows whose `through`"),
        (7, "TypeError: fetch gave int"),
    ):
        told(wrong)
        with pytest.raises(EnvironmentProblemError) as raised:
            ingest(open_shop(tmp_path, DUSK, at_most=2))
        (failure,) = raised.value.failures
        assert failure.name == "sqlite (lakeloop-sqlite 1.0)"
        assert said in failure.detail


def test_another_place_is_another_source(spark: SparkSession, tmp_path: Path) -> None:
    insert(tmp_path, EARLY)
    ingest(open_shop(tmp_path, NOON))
    (tmp_path / "other").mkdir()
    insert(tmp_path / "other", LATE)
    with pytest.raises(ConflictError, match="it was read from another sqlite than now"):
        ingest(open_shop(tmp_path, DUSK, file=str(tmp_path / "other" / "shop.db")))
    (tmp_path / "shop.db").unlink()
    with pytest.raises(EnvironmentProblemError, match=r"lakeloop-sqlite 1.0\): OperationalError: unable to open"):
        ingest(open_shop(tmp_path, DUSK))


def builds_wheels() -> bool:
    """Whether this environment can make a wheel without fetching anything: setuptools has done it itself since 70.1."""
    known = {each.name for each in distributions()}
    return "wheel" in known or ("setuptools" in known and Version(version("setuptools")) >= Version("70.1"))


@pytest.mark.needs(builds_wheels(), "setuptools >= 70.1, or wheel", "pip install 'setuptools>=70.1'")
def test_the_whole_package_is_installed_by_pip(tmp_path: Path) -> None:
    package, site = tmp_path / "package", tmp_path / "site"
    package.mkdir()
    text = PAGE.partition("```toml\n# pyproject.toml\n")[2].partition("```")[0]
    (package / "pyproject.toml").write_text(text, encoding="utf-8")
    (package / "lakeloop_decimals.py").write_text(FILES["lakeloop_decimals.py"], encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    done = subprocess.run([*pip, "--target", str(site), str(package)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (whole,) = (each["project"] for each in PYPROJECTS if "name" in each["project"])
    code = "from lakeloop.cli import main; import sys; sys.argv = ['lakeloop', 'plugins']; main()"
    path = os.pathsep.join([str(site), *(each for each in sys.path if each and str(tmp_path) not in each)])
    env = {**os.environ, "PYTHONPATH": path}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == f"lakeloop.rules  decimals  {whole['name']} {whole['version']}\n"
