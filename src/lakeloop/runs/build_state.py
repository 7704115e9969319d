"""How far a gold table is built, read from its own commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.context import Context
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

    >>> read_build_state(context.lake, context.lake.address("gold", "shop_delays")).built_through.isoformat()
    '2024-02-04T00:00:00+00:00'
    """
    builds: list[Commit] = [commit for commit in lake.commits(address) if commit.job == JOB]
    if not builds:
        return None
    notes: Mapping[str, Any] = builds[-1].notes
    return BuildState(datetime.fromisoformat(notes["built_through"]), notes["spec_hash"])


def assert_same_table(context: Context, name: str, state: BuildState) -> None:
    """Refuse a feature table whose declaration was changed after rows were published.

    Args:
        context: Project, lake and logical now.
        name: The feature table.
        state: Its last build.

    Raises:
        ConflictError: If it was built by another declaration.

    >>> from lakeloop.errors import ConflictError
    >>> state = BuildState(context.as_of, spec_hash="another")
    >>> try:
    ...     assert_same_table(context, "shop_delays", state)
    ... except ConflictError as error:
    ...     error.failures[0].detail.partition(",")[0]
    'it was built as another'
    """
    now = context.config.spec_hash("feature_table", name)
    if state.spec_hash != now:
        file = context.config.files.get(f"feature_table:{name}", "its file")
        raise ConflictError(
            f"gold.{name}",
            [Failure("declaration", f"it was built as {state.spec_hash}, {file} now says {now}")],
            "published rows are never changed: give the new declaration a new feature_table name, or undo the change",
        )
