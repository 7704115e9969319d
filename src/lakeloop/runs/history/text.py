"""A replay for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from lakeloop.discovery.text import count_of
from lakeloop.runs.history.result import PolicyResult, ReplayResult
from lakeloop.training.resampling import DifferenceInterval

_AUC = "roc_auc"
_WIDTH = 80
_DID = "{:<12} {:>7} {:>12} {:>8} {:>7} {:>8} {:>8}"


def describe_replay(found: ReplayResult) -> str:
    """Describe a replay: what policies did and cost, how well they did, and what follows.

    Args:
        found: What it found.

    Returns:
        Lines of at most 80 characters.

    >>> print(describe_replay(replayed).splitlines()[0])
    late_arrival: 3 turns from 2013-04-01 to 2013-04-15
    """
    level = f"{found.confidence:.0%} interval"
    first, begin, end = (show_turn(at, found.timezone) for at in (found.first_trained, found.turns[0], found.turns[-1]))
    lines = [
        f"{found.model}: {count_of(len(found.turns), 'turn')} from {begin} to {end}",
        f"first model: trained as of {first}, the same for every policy",
        f"compared on {count_of(found.rows, 'row')} of {count_of(found.days, 'day')}, predicted since",
        "",
        _DID.format("policy", "trained", "recalibrated", "promoted", "refused", "fits, s", "kept, s"),
        *(_did(each) for each in found.policies),
        "",
        f"{'policy':<12} {found.metric:>9} {level:>18}  {'minus never':>11} {level:>18}  {'AUC':>5}",
        *(_how_well(each, found.metric) for each in found.policies),
    ]
    beside = [each for each in found.policies if each.beside_random is not None]
    if beside:
        lines += [
            "",
            f"beside as many trainings at random turns ({count_of(found.draws, 'draw')} at most)",
            f"{'policy':<12} {'trained':>7} {'random':>8} {'least to most':>18} {'minus random':>12} {level:>18}",
            *(_beside(each) for each in beside),
        ]
    lines += ["", *(line for each in found.said for line in _wrap(each))]
    lines += ["", *_wrap(NOT_LOOKED_AT)]
    cuts = f"{count_of(found.fitted, 'cut')} fitted now, {found.kept} found fitted; {found.seconds:.0f} s in all"
    lines += [cuts] + ([f"chart: {found.page}"] if found.page else [])
    return "\n".join(lines)


NOT_LOOKED_AT = (
    "Taken for passed, because a replay writes no version: the gate's checks of a version's files (inputs, leakage "
    "audit, fresh process, latency), and approval by a person."
)
"""What a replay does not look at."""


def _did(each: PolicyResult) -> str:
    counts = (each.retrainings, each.recalibrations, each.promotions, each.refused)
    return _DID.format(each.policy, *counts, f"{each.seconds:.0f}", f"{each.seconds_kept:.0f}")


def _how_well(each: PolicyResult, metric: str) -> str:
    own = each.metric(metric)
    lower, upper = (None, None) if own is None else (own.lower, own.upper)
    auc = each.metric(_AUC)
    shown = "" if auc is None or auc.value is None else f"{auc.value:.3f}"
    difference = each.minus_never
    minus = "" if difference is None else f"{difference.difference:+.5f}"
    return (
        f"{each.policy:<12} {each.loss:>9.5f} {_interval(lower, upper):>18}  {minus:>11} {_of(difference):>18}  "
        f"{shown:>5}"
    ).rstrip()


def _beside(each: PolicyResult) -> str:
    found = each.beside_random
    if found is None:
        return ""
    spread = f"{found.lowest:.4f} to {found.highest:.4f}"
    return (
        f"{each.policy:<12} {found.retrainings:>7} {found.mean:>8.5f} {spread:>18} "
        f"{found.difference.difference:>+12.5f} {_of(found.difference):>18}"
    )


def _of(found: DifferenceInterval | None) -> str:
    if found is None or not found.lower <= found.upper:  # false for NaN: too few days
        return ""
    return f"{found.lower:+.4f} to {found.upper:+.4f}"


def _interval(lower: float | None, upper: float | None) -> str:
    return "" if lower is None or upper is None else f"{lower:.4f} to {upper:.4f}"


def show_turn(instant: str, timezone: str) -> str:
    """Show a turn by its local day, and the time of day where it is not the day's first instant.

    >>> show_turn("2013-04-01T04:00:00Z", "America/New_York"), show_turn("2013-04-01T04:00:00Z", "UTC")
    ('2013-04-01', '2013-04-01 04:00')
    """
    local = datetime.fromisoformat(instant).astimezone(ZoneInfo(timezone))
    return f"{local:%Y-%m-%d}" if local.hour == local.minute == 0 else f"{local:%Y-%m-%d %H:%M}"


def _wrap(text: str) -> Sequence[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")
