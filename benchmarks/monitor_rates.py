"""How often the drift monitor flags what does not drift, and how soon it flags what does.

    python -m benchmarks.monitor_rates                        # the flights: minutes, once the year's rows are there
    python -m benchmarks.monitor_rates --data retail          # Online Retail II, on which nothing was chosen
    python -m benchmarks.monitor_rates --part peers           # Evidently's default beside it: make bench-peers first

`splits`: real rows given to days at random, so that nothing drifts. `windows`: real consecutive windows, each stretch
left out of its reference in turn, and windows behind their reference. `planted`: known changes of real windows.
`missing`: missing shares of all columns. `roles`: what is proposed from all days. `peers`: Evidently on some of the
same windows. Bins are frozen on the first days and rows are counted once; verdicts, thresholds, intervals of bias and
persistence are lakeloop's own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from benchmarks.monitor_data import MonitorData, read_flights
from benchmarks.monitor_detection import Detected, detect
from benchmarks.monitor_missing import judge_missing
from benchmarks.monitor_peers import compare, require_evidently, shares_of
from benchmarks.monitor_planted import PLANTED
from benchmarks.monitor_retail import read_retail
from benchmarks.monitor_windows import (
    AS_SCORED,
    BIAS,
    Block,
    Counted,
    JudgedBlock,
    blocks_after,
    blocks_left_out,
    count_once,
    judge_block,
    make_reference,
    quality_of,
    random_splits,
)
from benchmarks.report import describe_machine
from benchmarks.sides import FOLDER
from lakeloop.drift.role_proposals import RoleProposal, propose_roles
from lakeloop.statuses import Role

DATA: dict[str, Callable[[Callable[[str], None]], MonitorData]] = {"flights": read_flights, "retail": read_retail}
PARTS = ("splits", "windows", "planted", "missing", "roles", "peers")
GAP = 43
"""Days from a reference to the first window, where they are no neighbours: those a model of the flights is tried on."""

RANDOM_PEERS = 2
"""Blocks with rows at random that Evidently judges: it takes many seconds a window."""


@dataclass(frozen=True)
class Rate:
    """A share with its 95% interval.

    Attributes:
        flagged: Blocks that were flagged.
        blocks: Blocks.
        independent: How many of them are worth counting: those that fit side by side.
        low: Lower end.
        high: Upper end.
    """

    flagged: int
    blocks: int
    independent: float
    low: float
    high: float

    def describe(self) -> str:
        """Give share and interval for a table."""
        return f"{self.flagged / self.blocks:.1%} ({self.low:.1%} to {self.high:.1%})" if self.blocks else "-"


def rate_of(flags: Sequence[bool], independent: float) -> Rate:
    """Give a share with Clopper and Pearson's interval on the number of independent blocks.

    Args:
        flags: Whether each block was flagged; blocks may overlap.
        independent: Blocks that fit side by side.

    Returns:
        The share; the interval of as many independent blocks with the same share, a fraction of one allowed.

    >>> rate = rate_of([False] * 340, 17.0)
    >>> rate.flagged, rate.low, round(rate.high, 3)
    (0, 0.0, 0.195)
    """
    share = float(np.mean(flags)) if len(flags) else 0.0
    hits = share * independent
    low = float(beta.ppf(0.025, hits, independent - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, independent - hits)) if share < 1 else 1.0
    return Rate(sum(flags), len(flags), independent, low, high)


def groups_of(data: MonitorData, role: Role | None = None) -> dict[str, tuple[str, ...]]:
    """Name the sets of subjects whose flags are counted together; a contract column's are of drift or of quality."""
    contract = (*data.contract(), *map(quality_of, data.contract()))
    regime = tuple(name for name in data.judged() if data.roles.get(name, Role.REGIME) is Role.REGIME)
    groups = {
        "quality": tuple(map(quality_of, data.contract())),
        "contract": contract,
        "bias": (BIAS,),
        "contract or bias": (*contract, BIAS),
        "regime": regime,
        "any": (*contract, *regime, BIAS),
        AS_SCORED: (AS_SCORED,),
    }
    if role is Role.CONTRACT:
        return {name: own for name, own in groups.items() if name not in ("regime", "any")}
    return groups


def rates_of(counted: Counted, found: Sequence[JudgedBlock], per_block: float | None) -> dict[str, Rate]:
    """Count flags by group.

    Args:
        counted: The data set.
        found: What blocks said.
        per_block: Days that a block takes from others; None where blocks are independent.

    Returns:
        Group -> share. A group with bias alone counts the blocks whose days were scored.
    """
    rates = {}
    for group, subjects in groups_of(counted.data, counted.role).items():
        scored_only = set(subjects) <= {BIAS, AS_SCORED}
        own = [each for each in found if not scored_only or subjects[0] in each.alarms]
        independent = len(own) if per_block is None else _side_by_side([each.first for each in own], per_block)
        rates[group] = rate_of([each.flags(subjects) for each in own], independent)
    return rates


def _side_by_side(starts: Sequence[int], days: float) -> float:
    """Blocks that fit side by side into the days from one start or another; at least 1 where there is any."""
    return max(len(starts) / days, float(bool(starts)))


def measure_splits(counted: Counted, splits: int, tell: Callable[[str], None]) -> dict[str, dict[str, Rate]]:
    """Measure flags where nothing drifts: single rows change places, and whole days do."""
    return {
        name: rates_of(counted, random_splits(counted, splits, whole_days=whole, seed=0, tell=tell), None)
        for name, whole in (("rows", False), ("days", True))
    }


def layouts(data: MonitorData) -> dict[str, list[Block]]:
    """Lay out real windows: a stretch left out of the nearest days, and windows behind their reference."""
    monitor = data.monitor
    shape = data.n_days, monitor.window.days, monitor.persistence.windows, monitor.reference.days
    return {
        "around it, left out": blocks_left_out(*shape),
        "before it": blocks_after(*shape, gap=0),
        f"before it, {GAP} days between": blocks_after(*shape, gap=GAP),
    }


def measure_windows(
    counted: Counted, tell: Callable[[str], None]
) -> tuple[dict[str, dict[str, Rate]], dict[str, object]]:
    """Measure flags on real windows, all starts by day, and name what was flagged."""
    rates, named = {}, {}
    for name, blocks in layouts(counted.data).items():
        tell(f"{counted.data.name}: {len(blocks)} blocks, reference {name}")
        found = [judge_block(counted, block, seed=0) for block in blocks]
        rates[name] = rates_of(counted, found, blocks[0].days)
        flagged = defaultdict(list)
        for each in found:
            for subject in each.flagged:
                flagged[subject].append(each.first)
        named[name] = {
            subject: {"flagged": len(starts), "first": str(counted.data.date_of(min(starts)))}
            for subject, starts in sorted(flagged.items(), key=lambda item: -len(item[1]))
        }
        named[f"{name}: not judged"] = float(
            np.mean([alarm is None for each in found for name in counted.looked_at for alarm in each.alarms[name]])
        )
    return rates, named


def measure_planted(counted: Counted, step: int, tell: Callable[[str], None]) -> list[Detected]:
    """Plant every change on the windows of every so many blocks that lie behind their reference."""
    blocks = layouts(counted.data)[f"before it, {GAP} days between"][::step]
    found = []
    for number, block in enumerate(blocks):
        found += detect(counted, block, seed=0)
        tell(f"{counted.data.name}: planted on {number + 1} of {len(blocks)} blocks")
    return found


def curves_of(found: Sequence[Detected], starts: int, step: int, days: int) -> list[dict[str, object]]:
    """Give a point of each curve: share flagged, and how many windows that took.

    Args:
        found: What became of planted changes.
        starts: Blocks planted on.
        step: Days from one to the next.
        days: Days of a block.

    Returns:
        A mapping per change, amount and role.
    """
    points: dict[tuple[str, float, str], list[Detected]] = defaultdict(list)
    for each in found:
        points[each.kind, each.amount, each.role].append(each)
    rows: list[dict[str, object]] = []
    for planted in PLANTED:
        for (kind, amount, role), own in sorted(points.items()):
            if kind != planted.name:
                continue
            subjects = {each.subject for each in own}
            raised = [each.flagged_after for each in own if each.flagged_after is not None]
            by_subject = {
                name: float(np.mean([each.flagged_after is not None for each in own if each.subject == name]))
                for name in sorted(subjects)
            }
            rate = rate_of([each.flagged_after is not None for each in own], _side_by_side(range(starts), days / step))
            rows.append(
                {
                    "change": kind,
                    "amount": amount,
                    "role": role,
                    "aim": _aim(planted.wanted, amount, kind, role, planted.contract_only),
                    "subjects": len(subjects),
                    "rate": asdict(rate),
                    "shown": rate.describe(),
                    "alarmed windows": float(np.mean([bool(alarm) for each in own for alarm in each.alarms])),
                    "windows to the flag": float(np.mean(raised)) if raised else None,
                    "by subject": by_subject,
                }
            )
    return rows


def _aim(wanted: float | None, amount: float, kind: str, role: str, contract_only: bool) -> str:
    aimed = kind == "unit" or wanted == amount
    return "95%" if aimed and (role == Role.CONTRACT.value or not contract_only) else ""


def measure_peers(
    counted: Counted, step: int, tell: Callable[[str], None], first: int | None = None
) -> dict[str, list[dict[str, object]]]:
    """Let Evidently judge blocks side by side, or the first of them: real ones, and a few with rows at random."""
    blocks = layouts(counted.data)["before it"][::step][:first]
    own = counted.data.day_numbers
    drawn = np.random.default_rng(0).permutation(own)
    return {
        name: shares_of(compare(counted, some, days, tell=tell), counted)
        for name, some, days in (("real windows", blocks, own), ("rows at random", blocks[:RANDOM_PEERS], drawn))
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts asked for, print tables, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=sorted(DATA), default="flights", help="what is monitored (%(default)s)")
    parser.add_argument("--part", choices=PARTS, action="append", help="one of the parts (the first three)")
    parser.add_argument(
        "--role", choices=[Role.CONTRACT.value], help="contract columns alone, at their share of the level among all"
    )
    parser.add_argument("--splits", type=int, default=1000, help="random splits of each kind (%(default)s)")
    parser.add_argument(
        "--step",
        type=int,
        help="days between blocks planted on, of missing (7), or judged by Evidently (21: side by side)",
    )
    parser.add_argument("--blocks", type=int, help="the first blocks alone, of what Evidently judges")
    parser.add_argument("--json", type=Path, help="where figures go (benchmarks/results/monitor_rates_<data>.json)")
    options = parser.parse_args(arguments)
    parts = options.part or PARTS[:3]
    if "peers" in parts and not require_evidently():
        return 1

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    role = None if options.role is None else Role(options.role)
    counted = replace(count_once(DATA[options.data](tell)), role=role)
    # What is recorded beside the verdict judges nothing, and takes most of the time.
    with patch("lakeloop.drift.verdicts.record_statistics", lambda _: {}):
        return _measure(counted, parts, options, tell)


def _measure(counted: Counted, parts: Sequence[str], options: argparse.Namespace, tell: Callable[[str], None]) -> int:
    data, console = counted.data, Console(width=200)
    block = data.monitor.window.days * data.monitor.persistence.windows
    written: dict[str, object] = {
        "machine": describe_machine(),
        "data": {"name": data.name, "rows": len(data.days), "days": data.n_days, "judged": data.judged()},
        "monitor": data.monitor.model_dump(mode="json"),
    }
    if "splits" in parts:
        splits = measure_splits(counted, options.splits, tell)
        console.print(_table_of_rates("what changes places", splits))
        written["splits"] = _plain(splits)
    if "windows" in parts:
        windows, named = measure_windows(counted, tell)
        console.print(_table_of_rates("reference", windows))
        console.print_json(json.dumps(named))
        written |= {"windows": _plain(windows), "flagged": named}
    if "planted" in parts:
        step = options.step or data.monitor.window.days
        found = measure_planted(counted, step, tell)
        rows = curves_of(found, len({each.first for each in found}), step, block)
        console.print(_table_of_curves(rows))
        written["planted"] = rows
    if "missing" in parts:
        missing = measure_missing(counted, options.step or data.monitor.window.days, tell)
        console.print(_table_of_rates("reference", missing))
        written["missing"] = _plain(missing)
    if "roles" in parts:
        proposals = propose_all(counted)
        console.print(_table_of_roles(proposals))
        written["roles"] = [each.to_dict() for each in proposals]
    if "peers" in parts:
        written["peers"] = beside = measure_peers(counted, options.step or block, tell, options.blocks)
        console.print(_table_of_peers(beside))
    path = options.json or FOLDER / "results" / f"monitor_rates_{data.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0


def measure_missing(counted: Counted, step: int, tell: Callable[[str], None]) -> dict[str, dict[str, Rate]]:
    """Measure how often the missing share of any column jumps by itself, on every so many real blocks."""
    rates = {}
    for name, blocks in layouts(counted.data).items():
        found = judge_missing(counted, blocks[::step], seed=0)
        flagged = sorted({subject for each in found for subject in each.flagged})
        tell(f"{counted.data.name}: missing, reference {name}: {', '.join(flagged) or 'none'}")
        independent = _side_by_side([each.first for each in found], blocks[0].days / step)
        rates[name] = {"missing of any column": rate_of([bool(each.flagged) for each in found], independent)}
    return rates


def propose_all(counted: Counted) -> tuple[RoleProposal, ...]:
    """Propose a role for every column from all days, as `lakeloop monitor calibrate` does from a training set."""
    data = counted.data
    history = make_reference(counted.bins, counted.daily, np.arange(data.n_days))
    return propose_roles(history, data.roles, data.monitor, seed=0)


def _table_of_roles(proposals: Sequence[RoleProposal]) -> Table:
    table = Table("column", "declared", "proposed", "differs", "why")
    for each in proposals:
        proposed = each.status.value if each.proposed is None else each.proposed.value
        table.add_row(each.column, each.declared.value, proposed, "*" if each.differs else "", each.why)
    return table


def _plain(rates: dict[str, dict[str, Rate]]) -> dict[str, object]:
    return {name: {group: asdict(rate) for group, rate in of_name.items()} for name, of_name in rates.items()}


def _table_of_rates(title: str, rates: dict[str, dict[str, Rate]]) -> Table:
    table = Table(title, "flags of", "blocks", "independent", "flagged, 95% interval")
    for name, groups in rates.items():
        for group, rate in groups.items():
            table.add_row(name, group, str(rate.blocks), f"{rate.independent:.1f}", rate.describe())
    return table


def _table_of_curves(rows: Sequence[dict[str, object]]) -> Table:
    table = Table(
        "change", "amount", "role", "subjects", "flagged, 95% interval", "aim", "windows to the flag", "least"
    )
    for row in rows:
        to_flag, by_subject = row["windows to the flag"], row["by subject"]
        assert isinstance(by_subject, dict)
        least = min(by_subject, key=by_subject.__getitem__)
        table.add_row(
            *(str(row[name]) for name in ("change", "amount", "role", "subjects", "shown", "aim")),
            "-" if to_flag is None else f"{to_flag:.2f}",
            f"{least}: {by_subject[least]:.0%}",
        )
    return table


def _table_of_peers(beside: dict[str, list[dict[str, object]]]) -> Table:
    table = Table("rows", "side", "alarm of", "windows that alarm", "blocks that flag")
    for name, rows in beside.items():
        for row in rows:
            windows, blocks = f"{row['alarmed']} of {row['windows']}", f"{row['flagged']} of {row['blocks']}"
            table.add_row(name, str(row["side"]), str(row["alarm of"]), windows, blocks)
    return table


if __name__ == "__main__":
    sys.exit(main())
