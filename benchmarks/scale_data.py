"""The flights of 2013, multiplied: each copy has carriers and airports of departure of its own.

So entities grow with the events, and an entity's density stays. Destinations and aircraft are shared.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from benchmarks.event_log import SETTINGS
from lakeloop.demo.flights import land_flights

CONF = Path(__file__).resolve().parents[1] / "conf"
EVENTS_OF_A_COPY = 1_000_000
"""Rows of schedules, departures and outcomes of the year, near enough: 336,776 + 328,521 twice."""
COPIED = {
    "schedules": ("carrier", "origin"),
    "departures": ("carrier", "origin"),
    "outcomes": ("carrier", "origin"),
    "weather": ("origin",),
    "airlines": ("carrier",),
}
"""Feed -> its columns of keys that a copy has of its own; other feeds are landed once."""
ORIGINS = ("EWR", "JFK", "LGA")

_PROJECT = {
    "engine": "spark",  # the same engine at every size
    "memory_budget_mib": 2048,
}
_SPARK = {
    "spark.driver.memory": "3g",
    "spark.sql.adaptive.enabled": True,
    "spark.sql.codegen.wholeStage": True,
    "spark.sql.shuffle.partitions": 16,
}
_MODEL = {
    "split": {
        "train": "all past",
        "validation": "14 days",
        "holdout": "28 days",
        "gap": "1 day",
        "sample": {"rows": 50_000},
    },
    "estimator": {"search": {"learning_rate": [0.1], "max_leaf_nodes": [8]}},
    "monitor": {"window": "7 days"},
}


def key_of_copy(value: str, copy: int) -> str:
    """Give a key's value in a copy; that of the first is the original's.

    >>> key_of_copy("JFK", 0), key_of_copy("JFK", 3)
    ('JFK', 'JFK.3')
    """
    return f"{value}.{copy}" if copy else value


def write_project(root: Path, copies: int, event_logs: Path) -> None:
    """Write the reference project for so many copies.

    Args:
        root: Folder of the project.
        copies: How often the flights are there.
        event_logs: Where Spark writes its event logs.
    """
    base = root / "conf" / "base"
    shutil.copytree(CONF / "base", base)
    origins = ", ".join(key_of_copy(each, copy) for copy in range(copies) for each in ORIGINS)
    for path in base.glob("sources/*.yml"):
        declared = path.read_text(encoding="utf-8")
        path.write_text(declared.replace(", ".join(ORIGINS), origins), encoding="utf-8")
    (base / "models" / "arrival_delay.yml").unlink()
    spark = {**_SPARK, **SETTINGS, "spark.eventLog.dir": event_logs.as_uri()}
    overrides: dict[str, Mapping[str, object]] = {
        "project.yml": {**_PROJECT, "spark": spark},
        "models/late_arrival.yml": _MODEL,
    }
    for name, section in overrides.items():
        path = root / "conf" / "scale" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(dict(section)), encoding="utf-8")
    event_logs.mkdir(parents=True)


def land(landing: Path, scratch: Path, months: Sequence[int], copies: int) -> int:
    """Land the flights of some months, so many times.

    Args:
        landing: The project's landing folder.
        scratch: Folder for the originals; removed at the end.
        months: Months of 2013.
        copies: How often.

    Returns:
        Events landed: rows of schedules, departures and outcomes.
    """
    rows = land_flights(scratch, months)
    for path in sorted(scratch.rglob("*.csv")):
        feed = path.parent.name
        (landing / feed).mkdir(parents=True, exist_ok=True)
        for copy in range(copies if feed in COPIED else 1):
            _copy_file(path, landing / feed / f"{path.stem}_{copy:03d}.csv", COPIED.get(feed, ()), copy)
    shutil.rmtree(scratch)
    return copies * sum(rows[feed] for feed in ("schedules", "departures", "outcomes"))


def _copy_file(path: Path, target: Path, keys: Sequence[str], copy: int) -> None:
    with path.open(encoding="utf-8", newline="") as stream, target.open("w", encoding="utf-8", newline="") as out:
        rows, writer = csv.reader(stream), csv.writer(out)
        header = next(rows)
        writer.writerow(header)
        places = [header.index(key) for key in keys]
        for row in rows:
            for place in places:
                row[place] = key_of_copy(row[place], copy)
            writer.writerow(row)
