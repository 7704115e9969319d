"""What a monitoring found in one window."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from lakeloop.drift.calibration import CalibrationBin
from lakeloop.drift.estimated_performance import Estimate
from lakeloop.drift.label_counts import NONE, LabelCounts
from lakeloop.drift.performance import Performance
from lakeloop.drift.targets import RateVerdict
from lakeloop.drift.verdicts import ColumnVerdict
from lakeloop.runs.windows import MonitorWindow


@dataclass(frozen=True)
class WindowFinding:
    """What was found in one window.

    Attributes:
        window: The window.
        columns: A verdict per monitored column, the score included, of several classes the predicted one too.
        target: The verdict on the label: on its mean, or of several classes on their shares.
        performance: How the champion did on the window's closed days.
        calibration: The same per stretch of the score; empty for a regression.
        void_rows: Closed rows without a label.
        profiles: Its profile per slice and column, as `PROFILES_SCHEMA`; empty of what is looked at again.
        labels: How far its labels are.
        is_late: Whether the window was judged in an earlier turn, and is looked at again because its labels are closed.
        waits: Whether its labels are still to come: it is measured in a later turn.
        estimate: What is expected of it by the scores alone; None for a regression and for what is looked at again. No
            flag looks at it.
    """

    window: MonitorWindow
    columns: tuple[ColumnVerdict, ...]
    target: RateVerdict | ColumnVerdict
    performance: Performance
    calibration: tuple[CalibrationBin, ...]
    void_rows: int
    profiles: pa.Table
    labels: LabelCounts = NONE
    is_late: bool = False
    waits: bool = False
    estimate: Estimate | None = None
