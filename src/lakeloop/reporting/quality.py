"""Quality over the turns: what the gate said of each source, and what went into quarantine for which reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lakeloop.reporting.evidence import read_number, read_object
from lakeloop.reporting.recorded import Recorded

MAX_QUALITY_TURNS = 12
"""Turns shown, the newest ones."""

MAX_RULES = 60
"""Rules shown, those with most rows."""

SUITE = "suite"
FRESHNESS = "freshness_"
"""How the checks of freshness rules begin; what follows is the column."""


@dataclass(frozen=True)
class QualityCell:
    """What a turn said about a source.

    Attributes:
        status: Whether the gate could judge; None when it did not look.
        passed: Its verdict; None when it could not be judged.
        checks: Checks of columns and rows, without the suite as a whole.
        failed: Those that failed; one of severity warn fails without failing the gate.
        unjudged: Those that could not be judged.
        read: Records read.
        quarantined: Records put into quarantine.
        files_refused: Landed files that were refused.
    """

    status: str | None = None
    passed: bool | None = None
    checks: int = 0
    failed: int = 0
    unjudged: int = 0
    read: int = 0
    quarantined: int = 0
    files_refused: int = 0


@dataclass(frozen=True)
class QualityRow:
    """A source over the turns shown."""

    source: str
    cells: tuple[QualityCell, ...]


@dataclass(frozen=True)
class BrokenRule:
    """Rows in quarantine that broke a rule of a source, per turn shown and in all; a row may break several."""

    source: str
    rule: str
    column: str | None
    rows: tuple[int, ...]
    total: int


@dataclass(frozen=True)
class NewestAge:
    """Age of a source's newest row, where a freshness rule asks for it, per turn shown.

    Attributes:
        source: The source.
        column: event_ts or available_ts.
        seconds: Age at the turn; None where the rule was not asked or no row was known.
        passed: Whether it was young enough; None where the rule was not asked.
    """

    source: str
    column: str
    seconds: tuple[float | None, ...]
    passed: tuple[bool | None, ...]


@dataclass(frozen=True)
class QualityHistory:
    """The last turns, oldest first; sources by name; rules by rows.

    Attributes:
        turns: Their logical nows.
        sources: One row per source.
        rules: The rules broken most.
        more_rules: Rules that are not shown.
        ages: What freshness rules found.
    """

    turns: tuple[datetime, ...] = ()
    sources: tuple[QualityRow, ...] = ()
    rules: tuple[BrokenRule, ...] = ()
    more_rules: int = 0
    ages: tuple[NewestAge, ...] = ()

    @property
    def quarantined(self) -> tuple[int, ...]:
        """Rows put into quarantine per turn, all sources."""
        return tuple(sum(row.cells[turn].quarantined for row in self.sources) for turn in range(len(self.turns)))


def assemble_quality(names: Iterable[str], recorded: Recorded) -> QualityHistory:
    """Lay out quality by source and turn.

    Args:
        names: The declared sources.
        recorded: What was recorded.

    Returns:
        The history of the last turns that landed or judged anything.

    >>> assemble_quality(["weather"], Recorded())
    QualityHistory(turns=(), sources=(), rules=(), more_rules=0, ages=())
    """
    known = {row["as_of"] for rows in (recorded.batches, recorded.quality, recorded.refused_files) for row in rows}
    turns = tuple(sorted(known)[-MAX_QUALITY_TURNS:])
    if not turns:
        return QualityHistory()
    rows = tuple(
        QualityRow(name, tuple(_cell(name, as_of, recorded) for as_of in turns)) for name in dict.fromkeys(names)
    )
    counts: dict[tuple[str, str, str | None], dict[datetime, int]] = {}
    for row in recorded.reasons:
        of_rule = counts.setdefault((row["source"], row["rule"], row["column"]), {})
        of_rule[row["as_of"]] = of_rule.get(row["as_of"], 0) + row["rows"]
    rules = [
        BrokenRule(*key, tuple(of_rule.get(as_of, 0) for as_of in turns), sum(of_rule.values()))
        for key, of_rule in counts.items()
    ]
    rules.sort(key=lambda each: (-each.total, each.source, each.rule, each.column or ""))
    more = max(len(rules) - MAX_RULES, 0)
    return QualityHistory(turns, rows, tuple(rules[:MAX_RULES]), more, _ages(turns, recorded))


def _ages(turns: tuple[datetime, ...], recorded: Recorded) -> tuple[NewestAge, ...]:
    found: dict[tuple[str, str], dict[datetime, tuple[float | None, bool | None]]] = {}
    for row in recorded.quality:
        if str(row["check"]).startswith(FRESHNESS):
            key = (row["source"], row["check"].removeprefix(FRESHNESS))
            age = read_number(read_object(row.get("observed")).get("age_seconds"))
            found.setdefault(key, {})[row["as_of"]] = (age, row["passed"])
    nothing = (None, None)
    return tuple(
        NewestAge(
            *key,
            seconds=tuple(of_turn.get(as_of, nothing)[0] for as_of in turns),
            passed=tuple(of_turn.get(as_of, nothing)[1] for as_of in turns),
        )
        for key, of_turn in sorted(found.items())
    )


def _cell(source: str, as_of: datetime, recorded: Recorded) -> QualityCell:
    judged = [row for row in recorded.quality if row["source"] == source and row["as_of"] == as_of]
    batches = [row for row in recorded.batches if row["source"] == source and row["as_of"] == as_of]
    refused = [row for row in recorded.refused_files if row["source"] == source and row["as_of"] == as_of]
    whole = next((row for row in judged if row["check"] == SUITE), None)
    checks = [row for row in judged if row["check"] != SUITE]
    return QualityCell(
        status=None if whole is None else whole["status"],
        passed=None if whole is None else whole["passed"],
        checks=len(checks),
        failed=sum(row["passed"] is False for row in checks),
        unjudged=sum(row["passed"] is None for row in checks),
        read=sum(row["rows_read"] for row in batches),
        quarantined=sum(row["rows_quarantined"] for row in batches),
        files_refused=len(refused),
    )
