"""How far the labels of a window are: pending, matured or void, and how long they took to be known."""

from __future__ import annotations

from dataclasses import dataclass

DELAY_QUANTILES = (0.5, 0.9, 0.99)
"""Quantiles of the delay that are recorded."""


@dataclass(frozen=True)
class LabelCounts:
    """Scored rows of a window by the status of their label.

    Attributes:
        matured: Closed rows with a label.
        void: Closed rows without one.
        pending: Rows whose period is not closed.
        delays: Seconds from the prediction to when its label was known, of matured rows, at `DELAY_QUANTILES`; empty
            without such rows.
    """

    matured: int
    void: int
    pending: int
    delays: tuple[float, ...] = ()

    @property
    def total(self) -> int:
        """Scored rows of the window."""
        return self.matured + self.void + self.pending

    @property
    def shares(self) -> dict[str, tuple[int, float | None]]:
        """Rows and their share of all, by status; CLOSED is matured or void. None without rows.

        >>> LabelCounts(6, 2, 2).shares["CLOSED"], LabelCounts(0, 0, 0).shares["CLOSED"]
        ((8, 0.8), (0, None))
        """
        rows = {"CLOSED": self.matured + self.void, "MATURED": self.matured, "VOID": self.void, "PENDING": self.pending}
        return {name: (count, count / self.total if self.total else None) for name, count in rows.items()}


NONE = LabelCounts(0, 0, 0)
"""Of a window without scored rows."""
