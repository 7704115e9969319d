"""What a backfill began on, told by the commits of its table: chunks that were done, and what stood there before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakeloop import schemas
from lakeloop.features.stretches import Stretch
from lakeloop.runs.backfill_scope import Scope
from lakeloop.runs.context import Context
from lakeloop.runs.order import BACKFILL
from lakeloop.tables import Commit, holds_version


@dataclass(frozen=True)
class Base:
    """What a backfill began on.

    Attributes:
        begun: Version of the table on which it began; it names its chunks.
        compared: Version whose rows the new ones are compared with: an older one where an earlier backfill of these
            rows was stopped before it told whom it touched.
        built_through: Instant through which that version was complete; rows after it were published since, and
            stand in the newest version. None where it is the newest one.
    """

    begun: int
    compared: int
    built_through: datetime | None = None


def find_base(
    commits: Sequence[Commit],
    version: int,
    same: Mapping[str, Any],
    stretch: Stretch,
    told: Collection[str],
    *,
    is_damaged: bool,
) -> Base:
    """Find out whether a backfill goes on with one that was stopped, and with what its rows are compared.

    It goes on with the same one while nothing was written to the table since; versions without rows do not count.

    Args:
        commits: Commits that lakeloop made to the table, oldest first.
        version: The table's newest version.
        same: What makes two backfills one, as their chunks note it.
        stretch: The range.
        told: Backfills whose result is recorded, as of `backfill_unit`.
        is_damaged: Whether something else may have changed the table after the last of the commits.

    Returns:
        What it began on.

    >>> from lakeloop.runs.build_state import range_text
    >>> day = Stretch(datetime.fromisoformat("2013-05-01T00:00:00Z"), datetime.fromisoformat("2013-05-02T00:00:00Z"))
    >>> notes = {"range": range_text(day.after, day.through), "base": 3, "begun": 3, "left": 1,
    ...          "base_through": "2013-05-02T00:00:00+00:00"}
    >>> commits = [Commit(4, "b4", BACKFILL, "chunk", "", 3, notes)]
    >>> for inputs in (notes, notes | {"inputs": "of another day"}):
    ...     base = find_base(commits, 5, inputs, day, (), is_damaged=False)
    ...     print(base.begun, base.compared)
    3 3
    5 3
    """
    written = [each for each in commits if each.rows or each.job == BACKFILL]
    if written and written[-1].job == BACKFILL and (written[-1].version == version or not is_damaged):
        notes = written[-1].notes
        if {key: notes.get(key) for key in same} == dict(same):
            return Base(int(notes["begun"]), int(notes["base"]), datetime.fromisoformat(notes["base_through"]))
    open_ = [each for each in _untold(commits, told) if _overlaps(_range_of(each), stretch)]
    if not open_:
        return Base(version, version)
    oldest = min(open_, key=lambda each: int(each.notes["base"]))
    return Base(version, int(oldest.notes["base"]), datetime.fromisoformat(oldest.notes["base_through"]))


def backfill_unit(name: str, stretch: str, begun: int) -> str:
    """Name a backfill among all of a table.

    Args:
        name: The table.
        stretch: The range, as `range_text` writes it.
        begun: Version on which it began.

    Returns:
        Its name.

    >>> backfill_unit("weather", "2013-05-01T00:00:00Z..2013-05-02T00:00:00Z", 3)
    'weather 2013-05-01T00:00:00Z..2013-05-02T00:00:00Z over version 3'
    """
    return f"{name} {stretch} over version {begun}"


def same_backfill(scope: Scope) -> dict[str, Any]:
    """Say what makes two backfills of a table one: the range, its chunks, the declaration and what is read.

    Args:
        scope: What is made again.

    Returns:
        JSON values, noted with each chunk.

    >>> from datetime import timedelta
    >>> from lakeloop.runs.backfill_scope import Asked, read_scope
    >>> scope = read_scope(context, Asked("shop_delays", context.as_of - timedelta(days=3), context.as_of))
    >>> same_backfill(scope)["range"], same_backfill(scope)["chunks"]
    ('2024-02-01T00:00:00Z..2024-02-04T00:00:00Z', 1)
    """
    return {
        "range": scope.range,
        "chunks": len(scope.pieces),
        "spec_hash": scope.spec_hash,
        "inputs": dict(scope.contents),
    }


def base_of(context: Context, scope: Scope) -> Base:
    """Find out what a backfill begins on, or began on.

    Args:
        context: The lake.
        scope: What is made again; the table exists.

    Returns:
        What it began on; compared with that where the version to compare with has expired.

    >>> from datetime import timedelta
    >>> from lakeloop.runs.backfill_scope import Asked, read_scope
    >>> scope = read_scope(context, Asked("shop_delays", context.as_of - timedelta(days=3), context.as_of))
    >>> base = base_of(context, scope)
    >>> base.begun == base.compared == context.lake.version(context.lake.address("gold", "shop_delays"))
    True
    """
    lake, address = context.lake, scope.address
    base = find_base(
        lake.commits(address),
        lake.version(address),
        same_backfill(scope),
        scope.stretch,
        told_backfills(context),
        is_damaged=scope.is_damaged,
    )
    return base if holds_version(lake, address, base.compared) else Base(base.begun, lake.version(address))


def told_backfills(context: Context) -> frozenset[str]:
    """List the backfills whose result the run ledger holds.

    Args:
        context: The lake.

    Returns:
        Their names, as of `backfill_unit`.

    >>> told_backfills(fresh)
    frozenset()
    """
    found = (commit.unit.partition(" ") for commit in context.lake.commits(context.lake.own(schemas.RUNS)))
    return frozenset(rest.rpartition(" ")[0] for job, _, rest in found if job == BACKFILL)


def _untold(commits: Sequence[Commit], told: Collection[str]) -> list[Commit]:
    """Give the chunks of backfills that have not told whom they touched, and that none after them has told of."""
    found: list[Commit] = []
    for each in commits:
        if each.job != BACKFILL:
            continue
        if each.notes["left"] or not _is_told(each, told):
            found.append(each)
        else:  # it was compared with what the others began on
            whole = _range_of(each)
            found = [other for other in found if not _holds(whole, _range_of(other))]
    return found


def _is_told(last: Commit, told: Collection[str]) -> bool:
    name = last.unit.partition(" ")[0]
    return backfill_unit(name, str(last.notes["range"]), int(last.notes["begun"])) in told


def _range_of(commit: Commit) -> Stretch:
    after, _, through = str(commit.notes["range"]).partition("..")
    return Stretch(datetime.fromisoformat(after), datetime.fromisoformat(through))


def _overlaps(one: Stretch, other: Stretch) -> bool:
    return one.after < other.through and other.after < one.through


def _holds(whole: Stretch, part: Stretch) -> bool:
    return whole.after <= part.after and part.through <= whole.through
