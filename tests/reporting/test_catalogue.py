"""The page of features: what it shows, that it escapes, that it needs nothing else, that nothing private is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakeloop.discovery import Catalogue, build_catalogue
from lakeloop.discovery.facts import DriftState, FeatureFacts, Share, Spread, TableFacts
from lakeloop.reporting.catalogue import CataloguePage, draw_feature, render_catalogue
from tests.discovery.tagged_project import load_tagged
from tests.outside import skip_without
from tests.reporting.browser import Browser, find_chromium, open_browser
from tests.reporting.test_in_browser import BACKGROUND, OVERFLOW
from tests.reporting.test_page import SCRIPT, read

MAY = datetime(2013, 5, 1, 4, tzinfo=UTC)
DRIFTED = DriftState("late_arrival", "DRIFT", "OK", MAY, MAY)
UNJUDGED = DriftState("late_arrival", "UNKNOWN", "TOO_FEW_ROWS", MAY, MAY)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> CataloguePage:
    catalogue = build_catalogue(load_tagged(tmp_path_factory.mktemp("project")))
    readings = (
        FeatureFacts("wind_mph", "double", 5, 0.125, Spread(0.0, 20.0, (1, 4, 8, 0)), (DRIFTED,)),
        FeatureFacts("gust_ratio", "double", 0, 0.0, Spread(values=(Share("Ada", 3),)), (UNJUDGED,)),
        FeatureFacts("wind_level", "string", 0, 0.0, Spread(values=(Share(SCRIPT, 4), Share("calm", 1)), others=2)),
    )
    facts = {
        "readings": TableFacts("readings", MAY, 40, readings),
        "carrier_delays": TableFacts("carrier_delays", None, 0),
    }
    return CataloguePage("flights", "America/New_York", MAY, catalogue, facts, "report.html")


def test_page_shows_everything_of_a_feature(page: CataloguePage) -> None:
    words, tags = read(render_catalogue(page))
    for piece in (
        "As of 2013-05-01 04:00 UTC (2013-05-01 00:00 in America/New_York)",
        "10 features in 2 tables",
        "Built through 2013-05-01 04:00 , 40 rows.",
        "windowed every 1h, per carrier, from source outcomes. Not built yet.",
        "12.5% missing (5 rows)",
        "DRIFT late_arrival, window to 2013-05-01",
        "UNKNOWN late_arrival (TOO_FEW_ROWS)",
        "integer, Beaufort storm",
        "outcomes.delay_minutes -> outcomes.is_late",
        "Owner -",
    ):
        assert piece in words, piece
    assert tags.count("rect") == 3


def test_nothing_of_a_person_is_on_the_page(page: CataloguePage) -> None:
    html = render_catalogue(page)
    assert "Ada" not in html
    assert html.count("hidden (pii)") == 1


def test_every_text_is_escaped(page: CataloguePage) -> None:
    table = page.catalogue.tables[1]
    wicked = replace(
        table,
        description=SCRIPT,
        owner=SCRIPT,
        features=tuple(
            replace(each, description=f'"{SCRIPT}', owner=SCRIPT, unit=SCRIPT, made_of=SCRIPT)
            for each in table.features
        ),
    )
    html = render_catalogue(replace(page, project=SCRIPT, catalogue=Catalogue("flights", (wicked,))))
    assert html.count("<script") == 1, "its own"
    assert SCRIPT not in html
    assert html.count("&lt;script&gt;") > 15
    assert 'data-words="readings.wind_mph &#34;&lt;script&gt;' in html


def test_page_needs_nothing_else(page: CataloguePage) -> None:
    html = render_catalogue(page)
    assert "http" not in html
    assert not {"link", "img", "iframe", "object"} & set(read(html)[1])
    assert "url(" not in html
    assert "@import" not in html
    assert not re.findall(r"<script[^>]+src|fetch\(|innerHTML|eval\(", html)
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r' id="([^"]+)"', html))


def test_a_project_without_features_says_so() -> None:
    words, _ = read(render_catalogue(CataloguePage("empty", "UTC", MAY, Catalogue("empty", ()))))
    assert "no feature table is declared" in words


@pytest.mark.parametrize(
    ("spread", "null_share", "instead"),
    [(None, 1.0, "no value"), (None, 0.5, "no picture"), (Spread(2.5, 2.5, (4,)), 0.0, "always 2.5")],
)
def test_where_there_is_no_picture_words_say_why(
    page: CataloguePage, spread: Spread | None, null_share: float, instead: str
) -> None:
    feature = page.catalogue.tables[1].features[0]
    found = FeatureFacts(feature.feature, "double", 0, null_share, spread)
    assert draw_feature(feature, found).instead == instead


def test_one_row_among_thousands_is_still_drawn(page: CataloguePage) -> None:
    feature = page.catalogue.tables[1].features[0]
    found = FeatureFacts(feature.feature, "double", 0, 0.0, Spread(0, 1, (100_000, 0, 1)))
    first, last = draw_feature(feature, found).bars
    assert (first.height, first.y, last.height) == (44.0, 0.0, 1.5)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        skip_without("chromium", "put it on the PATH or name one with CHROMIUM")
    with open_browser(program, tmp_path_factory.mktemp("chromium")) as found:
        yield found


SEARCH = """
(words) => {
  const box = document.getElementById('search');
  box.value = words;
  box.dispatchEvent(new Event('input'));
  return [...document.querySelectorAll('.feature:not([hidden]) h3')].map(each => each.textContent.trim());
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_page_opens_without_complaint_fits_and_finds(
    browser: Browser, page: CataloguePage, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    path = tmp_path / "features.html"
    path.write_text(render_catalogue(page), encoding="utf-8")
    browser.open(path.as_uri(), width=width, height=height, scheme=scheme)
    assert browser.evaluate(OVERFLOW) == 0
    assert (browser.evaluate(BACKGROUND) == "rgb(18, 22, 28)") == (scheme == "dark")
    assert browser.evaluate(f"({SEARCH})('STORM beau')") == ["wind_level"]
    assert browser.evaluate("document.querySelectorAll('section.table:not([hidden])').length") == 1
    assert browser.evaluate(f"({SEARCH})('xyzzy')") == []
    assert not browser.evaluate("document.getElementById('nothing').hidden")
    assert len(browser.evaluate(f"({SEARCH})('')")) == 10
    assert browser.requests == [path.as_uri()]
    assert browser.complaints == []
