"""How often missing shares jump by themselves: every column judged as if it were a contract column."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.monitor_windows import Block, Counted, JudgedBlock, counts_of, make_reference
from lakeloop.decisions.flags import persistent
from lakeloop.drift.column_counts import ColumnCounts
from lakeloop.drift.counts import lay_out_daily
from lakeloop.drift.missing import compare_missing


def judge_missing(counted: Counted, blocks: Sequence[Block], *, seed: int) -> list[JudgedBlock]:
    """Judge the missing shares of all columns that can raise a flag, the level shared by them.

    Contract columns alone say little of it where they have no missing value at all.

    Args:
        counted: The data set.
        blocks: Windows and their references.
        seed: Seed of the resampling.

    Returns:
        Alarms and flags; an alarm is None where a side has no row.
    """
    data, rule = counted.data, counted.data.monitor.persistence
    bins = [each for each in counted.bins if each.name in data.judged()]
    found = []
    for block in blocks:
        reference = make_reference(bins, counted.daily, block.reference)
        alarms: dict[str, list[bool | None]] = {each.name: [] for each in bins}
        for days in block.windows:
            window = lay_out_daily(counts_of(bins, counted.daily, days), bins)
            for each in bins:
                column = ColumnCounts.of(reference, window, each)
                jumped = None
                if column is not None and column.window.sum() >= data.monitor.min_rows:
                    jumped = compare_missing(
                        column,
                        stretch_days=len(window.blocks),
                        level=data.monitor.level / len(bins),
                        seed=seed,
                        hits=rule.hits,
                        windows=rule.windows,
                    ).jumped
                alarms[each.name].append(jumped)
        flagged = frozenset(name for name, history in alarms.items() if persistent(history, rule))
        found.append(JudgedBlock(block.first, {name: tuple(said) for name, said in alarms.items()}, flagged))
    return found
