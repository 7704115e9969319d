"""Which windows of a version a monitoring is to look at: by the clock, the ledger, and what earlier turns noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from lakeloop import schemas
from lakeloop.config.model import Model
from lakeloop.labels.calendar import last_closed_day
from lakeloop.runs.context import Context, instant_text
from lakeloop.runs.findings import WindowFinding
from lakeloop.runs.promotions import PROMOTED, Promotion
from lakeloop.runs.windows import MonitorWindow, ended_windows, make_window, whole_day_from
from lakeloop.tables import WriteIdentity

JOB = "monitor"


@dataclass(frozen=True)
class DueWindows:
    """Windows that a monitoring is to look at.

    Attributes:
        new: Those that have ended and that no earlier turn evaluated, in order.
        late: Those of earlier turns whose labels have closed since, in order.
    """

    new: tuple[MonitorWindow, ...]
    late: tuple[MonitorWindow, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.late)


def find_due(context: Context, model: Model, identity: WriteIdentity, ended: Sequence[MonitorWindow]) -> DueWindows:
    """Find which of a version's ended windows are still to be evaluated or measured.

    A label without a lag is closed soon after its window's end: what was closed by then is measured, once.

    Args:
        context: Project, lake and logical now.
        model: The model's declaration.
        identity: Identity of this monitoring, with the version as its fingerprint; its own commit is not looked at.
        ended: The version's windows that have ended, in order.

    Returns:
        The windows.

    >>> find_due(context, context.config.models["late"], WriteIdentity("monitor", "late now", "1"), [])
    DueWindows(new=(), late=())
    """
    commits = context.lake.commits(context.lake.own(schemas.PERFORMANCE))
    before = [
        commit.notes
        for commit in commits
        if commit.unit.startswith(f"{model.model} ") and commit.fingerprint == identity.fingerprint
        if commit.unit != identity.unit
    ]
    earlier = {end for notes in before for end in notes["windows"]}
    # A turn that did not note it, of an earlier lakeloop, measured every window at once.
    measured = {end for notes in before for end in notes.get("measured", notes["windows"])}
    last = last_closed_day(context.as_of, model.label.closes)
    return DueWindows(
        tuple(each for each in ended if instant_text(each.end) not in earlier),
        tuple(each for each in ended if each.last_day <= last and instant_text(each.end) in earlier - measured),
    )


def note_windows(due: DueWindows, findings: Sequence[WindowFinding]) -> dict[str, Any]:
    """Note in a commit what later turns ask of it.

    Args:
        due: The windows that were due.
        findings: What was found in them; windows that still wait are left out, or say so.

    Returns:
        Ends of the windows that were evaluated and of those that were measured, and how many of these were late.

    >>> note_windows(DueWindows((), ()), [])
    {'windows': [], 'measured': [], 'late': 0}
    """
    return {
        "windows": [instant_text(each.end) for each in due.new],
        "measured": [instant_text(each.window.end) for each in findings if not each.waits],
        "late": sum(each.is_late for each in findings),
    }


def windows_before_replacement(
    promotions: Sequence[Promotion], model: Model, as_of: datetime
) -> dict[str, list[MonitorWindow]]:
    """List the ended windows in which versions served that were champion and are it no more.

    The last window of a champion ends with the local day in which another one took its place: it is shorter, where that
    was in the middle of a window. The next champion's first window starts there.

    Args:
        promotions: The ledger of one model, oldest first.
        model: The model's declaration.
        as_of: The logical now; an aware instant. Who was promoted at it has not served.

    Returns:
        Version -> its windows in order; one that served several times has those of each time.

    >>> from lakeloop.runs.promotions import read_promotions
    >>> ledger, model = read_promotions(context, "late"), context.config.models["late"]
    >>> [(each.version, str(each.as_of.date())) for each in ledger], model.monitor.window.days
    ([('1', '2024-01-25'), ('2', '2024-02-04')], 3)
    >>> served = windows_before_replacement(ledger, model, context.as_of + timedelta(days=1))
    >>> [(str(each.first_day), str(each.last_day)) for each in served["1"]][-2:]
    [('2024-01-31', '2024-02-02'), ('2024-02-03', '2024-02-03')]
    """
    made = [each for each in promotions if each.outcome == PROMOTED and each.as_of < as_of]
    found: dict[str, list[MonitorWindow]] = {}
    zone = model.label.closes.timezone
    for event, following in pairwise(made):
        after = whole_day_from(following.as_of, zone)
        windows = ended_windows(event.as_of, min(following.as_of, as_of), model.monitor.window, zone)
        day = windows[-1].last_day + timedelta(days=1) if windows else whole_day_from(event.as_of, zone)
        if day < after:
            windows += [each for each in [make_window(day, after, zone)] if each.end <= as_of]
        found.setdefault(event.version, []).extend(windows)
    return found
