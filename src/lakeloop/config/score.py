"""`score:` of a model: what is scored besides what is due, and how long a stream waits."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from lakeloop.config.section import Duration, Section


class LateRows(StrEnum):
    """What becomes of a spine row that comes after its stretch of time was scored."""

    SCORE = "score"
    LEAVE_OUT = "leave_out"


class Score(Section):
    """How the model's rows are scored; no part of what a version is made by.

    Attributes:
        late: Rows that come after their stretch of time was scored: `score` them, or `leave_out`, which counts them.
        wait: How long after its `prediction_ts` a row of a stream waits for gold tables that are not built far enough;
            then it is scored by what they hold, and marked STALE. A batch never scores by such tables.
        shadow: Whether the challenger scores the same rows beside the champion, as `purpose = shadow`.
    """

    late: LateRows = LateRows.SCORE
    wait: Duration = timedelta(hours=1)
    shadow: bool = False
