"""Law 5: nothing lost. Rows read, counted from the raw records, equal rows accounted for."""

from __future__ import annotations

from dataclasses import dataclass

from lakeloop.errors import AccountingError, Failure


@dataclass(frozen=True)
class Accounting:
    """Where the rows of one batch went.

    Attributes:
        source: Source.
        rows_read: Records counted on admission, by another path than the outputs.
        rows_accepted: Rows of the commit to bronze.
        rows_quarantined: Rows of the commit to quarantine.
        rows_duplicate: Rows equal to an accepted row in every landed column.
        rows_superseded: Rows replaced by a newer row of the same key.
    """

    source: str
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_duplicate: int
    rows_superseded: int = 0

    def assert_nothing_lost(self) -> None:
        """Check that every row read is accounted for.

        Raises:
            AccountingError: If it is not so.

        >>> Accounting("weather", 10, 7, 2, 1).assert_nothing_lost()
        >>> Accounting("weather", 10, 7, 2, 0).assert_nothing_lost()
        Traceback (most recent call last):
        ...
        lakeloop.errors.AccountingError: source weather: rows are missing from the accounting
          - rows: 10 read, 9 accounted for (7 accepted, 2 quarantined, 0 exact duplicates, 0 superseded)
          remedy: report this: no row may be lost
        """
        total = self.rows_accepted + self.rows_quarantined + self.rows_duplicate + self.rows_superseded
        if total != self.rows_read:
            detail = (
                f"{self.rows_read} read, {total} accounted for ({self.rows_accepted} accepted, {self.rows_quarantined}"
                f" quarantined, {self.rows_duplicate} exact duplicates, {self.rows_superseded} superseded)"
            )
            raise AccountingError(f"source {self.source}", [Failure("rows", detail)], "report this: no row may be lost")
