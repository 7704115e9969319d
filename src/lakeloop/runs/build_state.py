"""How far a gold table is built, read from its own commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop.errors import ConflictError, Failure
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.order import BACKFILL
from lakeloop.tables import Commit, Lake, TableAddress

JOB = "features"
"""The job that adds to gold tables; a backfill replaces what stands there."""


@dataclass(frozen=True)
class BuildState:
    """How far a gold table is built, read from its own commits.

    Attributes:
        built_through: Instant up to which it is complete.
        spec_hash: Hash of the declaration it was built by.
        unfinished: The range of a backfill that was to make the whole table again and has not come to its end, as its
            commits name it; None without one. Until then no reader may use the table.
    """

    built_through: datetime
    spec_hash: str
    unfinished: str | None = None


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
    return replay_builds(lake.commits(address))


def replay_builds(commits: Iterable[Commit]) -> BuildState | None:
    """Tell how far a gold table is built after commits.

    Args:
        commits: Commits that lakeloop made to the table, oldest first.

    Returns:
        The state after the last of them; None when none built anything.

    >>> through = "2024-02-04T00:00:00+00:00"
    >>> built = Commit(1, "a1", JOB, "shops", "", 3, {"built_through": through, "spec_hash": "old"})
    >>> notes = {"built_through": through, "spec_hash": "new", "makes_anew": True, "range": "all of it"}
    >>> newer, older = (Commit(v, f"b{v}", BACKFILL, "", "", 3, notes | {"left": 3 - v}) for v in (2, 3))
    >>> states = map(replay_builds, [[built], [built, newer], [built, newer, older]])
    >>> [(each.spec_hash, each.unfinished) for each in states]
    [('old', None), ('old', 'all of it'), ('new', None)]
    """
    state: BuildState | None = None
    for commit in commits:
        if commit.job not in (JOB, BACKFILL) or (commit.job == BACKFILL and not commit.notes["makes_anew"]):
            continue  # a part that was made again by the same declaration changes no state
        notes: Mapping[str, Any] = commit.notes
        through, spec_hash = datetime.fromisoformat(notes["built_through"]), str(notes["spec_hash"])
        if commit.job == BACKFILL and notes["left"]:
            state = BuildState(through, state.spec_hash if state is not None else spec_hash, str(notes["range"]))
        else:
            state = BuildState(through, spec_hash)
    return state


def assert_same_table(context: Context, name: str, state: BuildState) -> None:
    """Refuse a feature table whose declaration was changed after rows were published.

    Args:
        context: Project, lake and logical now.
        name: The feature table.
        state: Its last build.

    Raises:
        ConflictError: If it was built by another declaration, or a backfill of it has not come to its end.

    >>> from lakeloop.errors import ConflictError
    >>> state = BuildState(context.as_of, spec_hash="another")
    >>> try:
    ...     assert_same_table(context, "shop_delays", state)
    ... except ConflictError as error:
    ...     error.failures[0].detail.partition(",")[0]
    'it was built as another'
    """
    if state.unfinished is not None:
        raise ConflictError(
            f"gold.{name}",
            [Failure("backfill", f"that of {state.unfinished} has not come to its end")],
            f"call it again, it goes on where it stopped: {backfill_call(name, state.unfinished)}",
        )
    now = context.config.spec_hash("feature_table", name)
    if state.spec_hash != now:
        file = context.config.files.get(f"feature_table:{name}", "its file")
        raise ConflictError(
            f"gold.{name}",
            [Failure("declaration", f"it was built as {state.spec_hash}, {file} now says {now}")],
            "published rows are never changed by a turn: give the new declaration a new feature_table name,"
            f" undo the change, or make the whole history again (`lakeloop backfill {name}` tells its range)",
        )


def backfill_call(name: str, stretch: str) -> str:
    """Write the call of a backfill.

    Args:
        name: The feature table.
        stretch: Its range, as `range_text` writes it.

    Returns:
        What is typed.

    >>> backfill_call("weather", "2013-05-01T00:00:00Z..2013-05-02T00:00:00Z")
    '`lakeloop backfill weather --from 2013-05-01T00:00:00Z --to 2013-05-02T00:00:00Z`'
    """
    after, _, through = stretch.partition("..")
    return f"`lakeloop backfill {name} --from {after} --to {through}`"


def range_text(after: datetime, through: datetime) -> str:
    """Name a range of instants.

    Args:
        after: Instant before it, UTC.
        through: Its last instant, UTC.

    Returns:
        Both, with two dots between.

    >>> from datetime import UTC
    >>> range_text(datetime(2013, 5, 1, tzinfo=UTC), datetime(2013, 5, 2, tzinfo=UTC))
    '2013-05-01T00:00:00Z..2013-05-02T00:00:00Z'
    """
    return f"{instant_text(after)}..{instant_text(through)}"
