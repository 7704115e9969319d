"""What a replay says is no more than its intervals do."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lakeloop.reporting.replay import render_replay
from lakeloop.runs.history.measures import BesideRandom
from lakeloop.runs.history.page import lay_out_page
from lakeloop.runs.history.said import say
from lakeloop.runs.history.text import describe_replay
from lakeloop.training.resampling import DifferenceInterval
from tests.replays import NOTHING, policy, sample_replay


def difference(lower: float, upper: float) -> DifferenceInterval:
    return DifferenceInterval((lower + upper) / 2, lower, upper, 14, 900)


@pytest.mark.parametrize(
    ("against_never", "said"),
    [
        (difference(-0.03, -0.01), "weekly did better than never in log_loss."),
        (difference(0.01, 0.03), "weekly did worse than never in log_loss."),
        (difference(-0.01, 0.03), "weekly cannot be told from never in log_loss."),
        (DifferenceInterval(-0.1, math.nan, math.nan, 1, 3), "weekly cannot be told from never in log_loss."),
    ],
)
def test_better_or_worse_is_said_where_the_interval_says_it(against_never, said):
    weekly = policy("weekly", 0.5, retrainings=12, minus_never=against_never)
    assert say("log_loss", 0.95, [policy("never", 0.52), weekly])[0] == said


def test_a_policy_that_did_nothing_is_not_compared():
    (first, _) = say("log_loss", 0.95, [policy("never", 0.5), policy("drift", 0.5)])
    assert first == "drift did nothing that never did not do."


@pytest.mark.parametrize(("as_good", "how"), [(0, "better"), (7, "no better")])
def test_it_is_said_when_triggers_are_no_better_than_chance(as_good, how):
    beside = BesideRandom(2, 20, 0.5, 0.4, 0.6, NOTHING, as_good)
    found = policy("drift", 0.5, retrainings=2, minus_never=difference(-0.03, -0.01), beside_random=beside)
    assert (
        f"its turns were {how} chosen than by chance: {as_good} of 20 draws"
        in say("log_loss", 0.95, [policy("never", 0.6), found])[0]
    )


def test_the_choice_trains_least_among_those_that_cannot_be_told_from_the_best():
    policies = [
        policy("never", 0.55, minus_best=difference(0.02, 0.08)),
        policy("weekly", 0.50, retrainings=12),
        policy("monthly", 0.51, retrainings=3, minus_best=difference(-0.01, 0.03)),
        policy("performance", 0.52, retrainings=1, minus_best=difference(0.001, 0.04)),
    ]
    chosen = say("log_loss", 0.95, policies)[-1]
    assert chosen.startswith(
        "weekly has the least log_loss; of the policies that cannot be told from it (95%), monthly"
    )
    assert chosen.endswith("(95%), monthly trains least: 3 trainings and 0 recalibrations.")


def test_the_text_fits_a_terminal_and_names_what_was_not_looked_at():
    text = describe_replay(sample_replay())
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "fresh process" in text
    lines = text.splitlines()
    assert "drift              1            0        1       0       61        0" in lines
    assert any(line.startswith("drift          0.50000   0.4900 to 0.5100     -0.02000") for line in lines)
    assert any(line.startswith("drift              1  0.50500   0.4900 to 0.5200     -0.00500") for line in lines)


def test_the_page_needs_nothing_else_and_marks_what_was_done():
    page = lay_out_page(sample_replay())
    assert [len(each.marks) for each in page.policies] == [0, 1]  # the first model's training is no policy's
    html = render_replay(page)
    assert "<script" not in html
    assert "src=" not in html
    assert html.count('class="chart"') == 4  # two policies, each for a wide and a narrow page
    assert "8 of 20" in html


def test_the_page_says_where_there_is_nothing_to_draw():
    page = lay_out_page(sample_replay())
    html = render_replay(replace(page, policies=tuple(replace(each, values=(None, None)) for each in page.policies)))
    assert html.count("No row has a final label.") == 2
