"""How far a gold table is built, read from its own commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop.tables import Commit, Lake, TableAddress

JOB = "features"


@dataclass(frozen=True)
class BuildState:
    """How far a gold table is built, read from its own commits.

    Attributes:
        built_through: Instant up to which it is complete.
        spec_hash: Hash of the declaration it was built by.
    """

    built_through: datetime
    spec_hash: str


def read_build_state(lake: Lake, address: TableAddress) -> BuildState | None:
    """Tell how far a gold table is built; None when it was never built.

    Args:
        lake: The tables.
        address: The gold table.

    Returns:
        The state after its last build.
    """
    builds: list[Commit] = [commit for commit in lake.commits(address) if commit.job == JOB]
    if not builds:
        return None
    notes: Mapping[str, Any] = builds[-1].notes
    return BuildState(datetime.fromisoformat(notes["built_through"]), notes["spec_hash"])
