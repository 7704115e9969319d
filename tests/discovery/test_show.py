"""One table or feature as lines, with and without what the tables say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config import load_config
from lakeloop.discovery import Catalogue, build_catalogue
from lakeloop.discovery.facts import DriftState, FeatureFacts, Share, Spread, TableFacts, draw_blocks
from lakeloop.discovery.show import describe_shown, describe_spread, find_shown
from lakeloop.discovery.text import describe_catalogue
from lakeloop.errors import UsageError
from tests.discovery.tagged_project import load_tagged

MAY = datetime(2013, 5, 1, 4, tzinfo=UTC)
FLIGHTS = build_catalogue(load_config(Path(__file__).parents[2]))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return build_catalogue(load_tagged(tmp_path))


def facts(spread: Spread | None, *drift: DriftState) -> dict[str, TableFacts]:
    features = tuple(
        FeatureFacts(name, "double", 5, 0.125, spread, drift) for name in ("wind_mph", "gust_ratio", "wind_level")
    )
    return {"readings": TableFacts("readings", MAY, 40, features)}


def test_a_feature_with_what_its_table_says(catalogue: Catalogue) -> None:
    drifted = DriftState("late_arrival", "DRIFT", "OK", MAY, MAY)
    unjudged = DriftState("other", "UNKNOWN", "TOO_FEW_ROWS", MAY, MAY)
    shown = find_shown(catalogue, "readings.wind_mph").with_facts(facts(Spread(0, 20, (1, 8)), drifted, unjudged))
    assert describe_shown(shown).splitlines()[-6:] == [
        "  built through 2013-05-01 04:00 UTC",
        "  rows          40",
        "  missing       12.5% (5 rows)",
        "  values        0 |▁█| 20",
        "  drift         DRIFT for late_arrival, window to 2013-05-01 04:00 UTC",
        "  drift         UNKNOWN, TOO_FEW_ROWS for other, window to 2013-05-01 04:00 UTC",
    ]


def test_values_of_a_person_are_never_written(catalogue: Catalogue) -> None:
    """Also where somebody hands them in."""
    leaked = Spread(values=(Share("Ada Lovelace", 3),))
    for name in ("readings", "readings.gust_ratio"):
        text = describe_shown(find_shown(catalogue, name).with_facts(facts(leaked)))
        assert "hidden (pii)" in text
    assert "Ada" not in describe_shown(find_shown(catalogue, "readings.gust_ratio").with_facts(facts(leaked)))


def test_a_table_that_is_not_built_says_so(catalogue: Catalogue) -> None:
    shown = find_shown(catalogue, "readings").with_facts({"readings": TableFacts("readings", None, 0)})
    assert "not built yet" in describe_shown(shown)


@pytest.mark.parametrize("name", ["readings.gust_ratio", "gold.readings.gust_ratio", "readings__gust_ratio"])
def test_a_feature_is_found_by_each_of_its_names(catalogue: Catalogue, name: str) -> None:
    found = find_shown(catalogue, name)
    assert found.feature is not None
    assert found.feature.name == "readings.gust_ratio"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("reading", "'readings'"), ("readings.gust", "'readings.gust_ratio'"), ("gust_ratio", "'readings.gust_ratio'")],
)
def test_an_unknown_name_is_refused_with_what_was_meant(catalogue: Catalogue, name: str, meant: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_shown(catalogue, name)
    assert refused.value.remedy == f"did you mean {meant}?"


@pytest.mark.parametrize(
    ("spread", "text"),
    [
        (None, "no picture"),
        (Spread(3.0, 3.0, (7,)), "always 3"),
        (Spread(values=(Share("EWR", 1200), Share("x" * 40, 1)), others=3), f"EWR 1,200, {'x' * 24}... 1, others 3"),
        (Spread(values=(Share("a\x1b[31mb\n", 1),)), "a?[31mb? 1"),  # a terminal does not obey data
    ],
)
def test_a_spread_is_a_line(spread: Spread | None, text: str) -> None:
    assert describe_spread(spread) == text


@given(st.lists(st.integers(0, 10**9), max_size=40))
def test_blocks_are_as_many_as_counts_and_in_their_order(counts: list[int]) -> None:
    drawn = draw_blocks(counts)
    assert len(drawn) == len(counts)
    heights = [" ▁▂▃▄▅▆▇█".index(block) for block in drawn]
    for count, height in zip(counts, heights, strict=True):
        assert (height == 0) == (count == 0)
        assert all(height <= other for more, other in zip(counts, heights, strict=True) if more >= count)
    assert max(heights, default=8) == 8 or not any(counts)


def test_every_page_of_the_flights_stays_within_80_columns() -> None:
    texts = [describe_catalogue(FLIGHTS)]
    texts += [describe_shown(find_shown(FLIGHTS, each.table)) for each in FLIGHTS.tables]
    texts += [describe_shown(find_shown(FLIGHTS, each.name)) for each in FLIGHTS.features]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80


def test_a_project_without_features_says_so() -> None:
    assert describe_catalogue(Catalogue("empty", ())).startswith("no feature table is declared")
