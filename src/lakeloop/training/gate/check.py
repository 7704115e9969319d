"""One check of the gate: a row with value, bound and status."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from lakeloop.statuses import GateStatus

NAN = float("nan")

STOPPING = (GateStatus.FAIL, GateStatus.INSUFFICIENT)
"""What keeps a challenger from being promoted, whatever is acknowledged."""


@dataclass(frozen=True)
class Check:
    """One check of the gate.

    Attributes:
        name: What was asked, as it stands in the evidence: `absolute_<metric>`, `beats_baseline`,
            `no_worse_than_champion`, `superior_to_champion`, `slice_<column>_...`, `calibration_bias`,
            `calibration_error`, `inputs_exist`, `leakage_audit`, `loads_in_fresh_process`, `latency`,
            `too_good_<metric>`.
        status: Its result.
        value: What was judged; NaN when it could not be computed.
        bound: What it was held against; NaN where there is nothing to hold.
        detail: The evidence in words: counts and figures.
        lower: Lower end of the interval of a difference; NaN where there is none.
        upper: Upper end, the same.
        blocking: Whether its warning holds the version until it is acknowledged.
        acknowledged: Whether a person said that its warning may pass.

    >>> warned = Check("latency", GateStatus.WARN, 80.0, 50.0, "one row: p95 80 ms", blocking=True)
    >>> warned.stops, warned.holds, acknowledge(warned, ["latency"]).holds
    (False, True, False)
    """

    name: str
    status: GateStatus
    value: float
    bound: float
    detail: str
    lower: float = NAN
    upper: float = NAN
    blocking: bool = False
    acknowledged: bool = False

    @property
    def stops(self) -> bool:
        """Whether it failed or could not be judged."""
        return self.status in STOPPING

    @property
    def holds(self) -> bool:
        """Whether it is a blocking warning that nobody has acknowledged."""
        return self.status is GateStatus.WARN and self.blocking and not self.acknowledged


def acknowledge(check: Check, names: Collection[str]) -> Check:
    """Let a blocking warning pass that a person has named; any other check stays as it is.

    Args:
        check: The check.
        names: Names of the checks that are acknowledged.

    Returns:
        The check, acknowledged where it is named, warns and blocks.

    >>> acknowledge(Check("latency", GateStatus.FAIL, NAN, NAN, "", blocking=True), ["latency"]).acknowledged
    False
    """
    return replace(check, acknowledged=True) if check.holds and check.name in names else check
