"""Windowed aggregates that cannot be meant are told with their place and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.wrong_project import DELAYS, READINGS, Wrong, assert_refused

WRONG = [
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over: [1 day]}",
        "of: is_late, as: [mean], over: [1 day], where: origin = 'EWR'}",
        "aggregate[1].over[0]",
        "mean_is_late_1d of aggregate[0] again",
        "a name: where measures are alike",
        "in that form",
    ),
    Wrong(
        DELAYS,
        "as: [max], over: [1 day]}",
        "as: [max], over: [30 minutes]}",
        "aggregate[1].over[0]",
        "window 30min is shorter than every: 1h",
        "whole multiples of 1h",
        "in that form",
    ),
    Wrong(
        DELAYS,
        "as: [max], over: [1 day]}",
        "as: [max], over: [1 day], offset: 90 minutes}",
        "aggregate[1].offset",
        "offset 90min is not a multiple of every: 1h",
        "whole multiples of 1h",
        "in that form",
    ),
    Wrong(
        DELAYS,
        "as: [max], over: [1 day]}",
        "as: [max], over: [1 day], offset: 1 dya}",
        "aggregate[1].offset",
        "'1 dya'",
        "a whole number and a unit",
        "did you mean '1 day'?",
    ),
    Wrong(
        DELAYS,
        "every: 1 hour",
        "every: 1 hour\ndelay: 2",
        "delay",
        "2",
        "a whole number and a unit",
        "in that form",
        on="delay: 2",
    ),
    Wrong(
        READINGS,
        "ttl: 6 hours",
        "ttl: 6 hours\ndelay: 2 hours",
        "delay",
        "2 hours",
        "does not apply to an attribute table",
        "contradicts",
        on="delay: 2",
    ),
    Wrong(READINGS, "ttl: 6 hours", "ttl: 0 hours", "ttl", "'0 hours'", "above zero", "in that form"),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "rate: delay_minutes > 60, over",
        "aggregate[1].rate",
        "it has no name",
        "is_very_late",
        "in that form",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "rate: delay_minutes > 60, name: bad, as: [max], over",
        "aggregate[1].as",
        "a rate has no other statistic",
        "rate, name and over alone",
        "in that form",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "of: delay_minutes, rate: delay_minutes > 60, over",
        "aggregate[1].rate",
        "beside of",
        "an item of its own",
        "in that form",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "of: delay_minutes, over",
        "aggregate[1].of",
        "no as",
        "max",
        "form",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "name: bad, over",
        "aggregate[1]",
        "a section",
        "declare of and as, or rate and name",
        "contradicts",
    ),
    Wrong(
        DELAYS,
        "of: delay_minutes, as: [max], over",
        "of: delay_minutes, as: [max], name: At EWR, over",
        "aggregate[1].name",
        "'At EWR'",
        "lower case letters",
        "rename it",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_aggregate_is_refused_with_the_place_and_the_remedy(tmp_path: Path, wrong: Wrong) -> None:
    assert_refused(tmp_path, wrong)
