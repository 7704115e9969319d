"""When training sets were pinned by the wall clock: their inputs are held back for the retention from then on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from lakeloop import schemas
from lakeloop.runs.context import Context

_STEP = "training_set"


def pinned_instants(context: Context, sets: Mapping[str, tuple[str, datetime]]) -> dict[str, datetime]:
    """Tell when training sets were pinned.

    The commit of a manifest says it. Where the log of the manifests was cleaned up, the run ledger does: the end of the
    first recorded step that pinned a set, which is never before the commit.

    Args:
        context: Project and lake.
        sets: Id -> the model and the logical now of the pinning.

    Returns:
        Id -> wall-clock instant, UTC; without the sets of which neither tells it.

    >>> found = pinned_instants(context, {"no-such-set": ("late", context.as_of - timedelta(days=99))})
    >>> len(found), "no-such-set" in found
    (2, False)
    """
    lake = context.lake
    commits = lake.commits(lake.own(schemas.TRAINING_SETS))
    found = {each.notes["training_set_id"]: each.committed_ts for each in commits if each.committed_ts is not None}
    lost = {set_id: pinned for set_id, pinned in sets.items() if set_id not in found}
    ended: dict[tuple[str, datetime], datetime] = {}
    for row in lake.own_rows(schemas.RUNS, None) if lost else ():
        if row["step"] == _STEP:
            key, end = (row["subject"], row["as_of"]), row["started_ts"] + timedelta(seconds=row["seconds"])
            ended[key] = min(ended.get(key, end), end)
    return found | {set_id: ended[pinned] for set_id, pinned in lost.items() if pinned in ended}
