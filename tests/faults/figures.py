"""What a killed job has left, held against what a clean one left: rows lost, rows doubled, whatever else differs."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lakeloop.config import Config
from lakeloop.online_store.opening import open_store
from tests.laws.compare import announced, assert_same_table, models, rows, run_states, tables


@dataclass(frozen=True)
class Comparison:
    """Two workspaces held against each other.

    Attributes:
        rows: Rows of all tables of the clean one.
        lost: Of these, rows that the other lacks.
        doubled: Rows that the other has too many, or with other values.
        different: What differs beside rows, in words.
    """

    rows: int
    lost: int
    doubled: int
    different: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.lost or self.doubled or self.different)


def compare_workspaces(clean: Config, other: Config) -> Comparison:
    """Compare all tables, model versions and aliases, announcements, the online store and what is served."""
    different: list[str] = []
    count, lost, doubled = 0, 0, 0
    if tables(clean) != tables(other):
        different.append(f"tables: {sorted(set(tables(clean)) ^ set(tables(other)))}")
    for table in sorted(set(tables(clean)) & set(tables(other))):
        wanted = rows(clean, table)
        count += len(wanted)
        try:
            assert_same_table(clean, other, table)
        except AssertionError as difference:
            ours, theirs = Counter(map(_key, wanted)), Counter(map(_key, rows(other, table)))
            missing, more = sum((ours - theirs).values()), sum((theirs - ours).values())
            lost, doubled = lost + missing, doubled + more
            different.append(str(difference)[:300])
    for name, read in (
        ("model versions and aliases", models),
        ("states of runs", run_states),
        ("announcements", announced),
        ("online store", _served),
        ("published bundle", _bundles),
    ):
        if read(clean) != read(other):
            different.append(name)
    return Comparison(count, lost, doubled, tuple(different))


def _key(row: dict[str, Any]) -> str:
    return repr([(key, f"{value:.9g}" if isinstance(value, float) else value) for key, value in sorted(row.items())])


def _served(config: Config) -> tuple[Any, Any]:
    """What a reader of the online store sees; a store may keep more, for readers of the publish before."""
    with closing(open_store(config.online_store_address, config.project.project, read_only=True)) as store:
        published = store.manifest()
        return published, store.look_up({name: [(shop,) for shop in "ABC"] for name in published}).states


def _bundles(config: Config) -> dict[str, Any]:
    found = (config.workspace / "serving").glob("*/current.json")
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


@dataclass(frozen=True)
class JobFigures:
    """How a job did.

    Attributes:
        job: Its name.
        tried: Places at which it was killed.
        survived: Of these, those after which the same call came to its end with the tables of a clean one.
        rows: Rows of all tables that were compared.
        lost: Rows lost.
        doubled: Rows doubled or changed.
        seconds: Wall clock.
        different: What differs, in words.
    """

    job: str
    tried: int
    survived: int
    rows: int
    lost: int
    doubled: int
    seconds: float
    different: tuple[str, ...] = ()

    def as_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def count_files(workspace: Path) -> int:
    """Count the data files of all tables."""
    return sum(1 for _ in workspace.glob("*/*/*.parquet"))
