"""Folders of one source for the tests of landing, and what lands in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from lakeloop.landing import FileStatus, LandedFile, admit_files, set_aside
from tests.factories import declare_source

ADMITTED, REFUSED, REPEATED = FileStatus.ADMITTED, FileStatus.REFUSED, FileStatus.DUPLICATE_CONTENT
SOURCE = declare_source(landing={"path": "landing", "pattern": "*.csv*"})
HEADER = "origin,observed_ts,wind_mph\n"
TEN = "2013-05-01T10:00:00Z"
SOUND = f"{HEADER}EWR,{TEN},5.5\n".encode()
ROW = ("EWR", TEN, "5.5")


@dataclass
class Port:
    """Folders of one source."""

    root: Path

    def __post_init__(self) -> None:
        self.landing.mkdir(parents=True)

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def staging(self) -> Path:
        return self.root / "admitted"

    @property
    def refused(self) -> Path:
        return self.root / "refused"

    def land(self, name: str, content: bytes) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def admit(self, seen: Sequence[LandedFile] = ()) -> list[LandedFile]:
        """Admit, record and set aside, as an ingest does."""
        found = admit_files(SOURCE, self.landing, self.staging, seen)
        set_aside(self.landing, self.refused, [*seen, *found])
        return found

    def staged(self, content: bytes) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = pq.read_table(self.staging / f"{hash_of(content)}.parquet").to_pylist()
        return rows


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
