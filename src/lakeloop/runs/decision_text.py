"""Flags and decisions for a person: lines that fit a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lakeloop.discovery.text import count_of
from lakeloop.runs.decision_history import DecisionShown, FlagShown
from lakeloop.statuses import FlagState

_NOT_FIRED = ": not fired: "
_OPEN = (FlagState.OPEN, FlagState.CLAIMED)
_LEFT_OUT = ("window_start",)


def describe_flags(flags: Sequence[FlagShown], models: Sequence[str], *, width: int = 80) -> str:
    """Write flags, model by model.

    Args:
        flags: The flags, by model.
        models: The models that were asked for.
        width: Columns to stay within.

    Returns:
        Per model how many are open, and two lines or more per flag.

    >>> shown = FlagShown("5eb5", "late", "bias", "bias", "3", "OPEN", *["2024-02-04T00:00:00Z"] * 3, {"limit": 0.2})
    >>> print(describe_flags([shown], ["late"]))
    late: 1 flag open
      OPEN  bias on bias, version 3
        since 2024-02-04T00:00:00Z, window to 2024-02-04T00:00:00Z
        limit 0.2
    """
    lines = []
    for model in models:
        own = [each for each in flags if each.model == model]
        still_open = sum(each.state in _OPEN for each in own)
        ended = f", {len(own) - still_open} ended" if len(own) > still_open else ""
        lines.append(f"{model}: {count_of(still_open, 'flag')} open{ended}")
        for each in own:
            lines += _flag_lines(each, width)
    return "\n".join(lines) or "no model is declared: write one in conf/base/models/"


def _flag_lines(flag: FlagShown, width: int) -> Iterator[str]:
    version = f", version {flag.model_version}" if flag.model_version else ""
    yield from _wrapped(f"{flag.state}  {flag.kind} on {flag.subject}{version}", width, "  ")
    yield from _wrapped(f"since {flag.since}, window to {flag.window_end}", width, "    ")
    said = _said(flag.ending) or _said(flag.evidence)
    if said:
        yield from _wrapped(said, width, "    ")


def _said(values: Mapping[str, Any]) -> str:
    """Write what JSON values say, nested ones apart: they are for programs."""
    plain = {key: each for key, each in values.items() if key not in _LEFT_OUT and not isinstance(each, dict | list)}
    return ", ".join(
        f"{key.replace('_', ' ')} {format(each, '.4g') if isinstance(each, float) else each}"
        for key, each in plain.items()
        if each is not None
    )


def describe_decisions(decisions: Sequence[DecisionShown], models: Sequence[str], *, width: int = 80) -> str:
    """Write decisions, model by model, with what fired.

    Args:
        decisions: The decisions, by model, the newest first.
        models: The models that were asked for.
        width: Columns to stay within.

    Returns:
        A line per decision, and below it each rule that fired.

    >>> reasons = ("schedule: asks to retrain: the last training is 30d old, due after 28d", "bias: not fired: no flag")
    >>> shown = DecisionShown("7c0f", "late", "2024-02-04T00:00:00Z", 1, "retrain", reasons, is_recomputed=True)
    >>> print(describe_decisions([shown], ["late"]))
    late: 1 decision
      2024-02-04T00:00:00Z  retrain
        schedule: asks to retrain: the last training is 30d old, due after 28d
    """
    lines = []
    for model in models:
        own = [each for each in decisions if each.model == model]
        lines.append(f"{model}: {count_of(len(own), 'decision')}")
        for each in own:
            again = f", attempt {each.attempt}" if each.attempt > 1 else ""
            lines += _wrapped(f"{each.as_of}  {each.action}{again}", width, "  ")
            for reason in each.reasons:
                if _NOT_FIRED not in reason:
                    lines += _wrapped(reason, width, "    ")
            if not each.is_recomputed:
                lines += _wrapped("computed again from its row it is another: the row was changed", width, "    ")
    return "\n".join(lines) or "no model is declared: write one in conf/base/models/"


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, max(width, 24), initial_indent=indent, subsequent_indent=f"{indent}    ", break_on_hyphens=False
    )
