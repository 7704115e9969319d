"""The report as a browser shows it: at the width of a phone and of a desk, on a light and on a dark page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakeloop.reporting.assemble import assemble_model
from lakeloop.reporting.page import render_report
from lakeloop.reporting.recorded import Recorded
from tests.reporting.browser import Browser, find_chromium, open_browser
from tests.reporting.odd_reports import many_of_everything
from tests.reporting.recordings import ABOUT
from tests.reporting.test_page import make_report

MAX_BYTES = 2_000_000
LEAST_LETTERS = 9.0
"""Height in pixels below which a letter of a chart is too small to read."""

CLIPPED = """
[...document.querySelectorAll('svg.chart')].filter(svg => svg.getBoundingClientRect().width > 0).flatMap(svg => {
  const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => {
    const own = text.getBoundingClientRect();
    return own.left < box.left - 2 || own.right > box.right + 2 || own.top < box.top - 2 || own.bottom > box.bottom + 2;
  }).map(text => text.textContent);
})
"""
SMALLEST = """
Math.min(...[...document.querySelectorAll('svg.chart')].filter(svg => svg.getBoundingClientRect().width > 0)
  .map(svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))
"""
OPEN_ALL = "document.querySelectorAll('details').forEach(each => { each.open = true; })"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        reason = "no Chromium on the PATH; name one with CHROMIUM"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with open_browser(program, tmp_path_factory.mktemp("chromium")) as found:
        yield found


def _of(model: str, recorded: Recorded) -> Recorded:
    """The same rows, of another model."""
    own = (
        "predictions",
        "performance",
        "drift",
        "raised_flags",
        "open_flags",
        "decisions",
        "promotions",
        "slices",
        "estimates",
    )
    return replace(recorded, **{name: [{**row, "model": model} for row in getattr(recorded, name)] for name in own})


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    recorded = many_of_everything()
    report = make_report(recorded)
    number = assemble_model(
        replace(ABOUT, model="arrival_delay", loss_name="mean_absolute_error"), _of("arrival_delay", recorded)
    )
    path.write_text(render_report(replace(report, models=(*report.models, number))), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_page_opens_without_complaint_and_fits(
    browser: Browser, page: Path, tmp_path: Path, width: int, height: int, scheme: str
) -> None:
    browser.open(page.as_uri(), width=width, height=height, scheme=scheme)
    assert browser.evaluate(OVERFLOW) == 0
    assert browser.evaluate(CLIPPED) == []
    assert browser.evaluate(SMALLEST) >= LEAST_LETTERS
    browser.evaluate(OPEN_ALL)
    assert browser.evaluate(OVERFLOW) == 0, "with all details open"
    is_dark = browser.evaluate(BACKGROUND) == "rgb(18, 22, 28)"
    assert is_dark == (scheme == "dark")
    browser.take_picture(tmp_path / "page.png")
    assert browser.requests == [page.as_uri()]
    assert browser.complaints == []


def test_page_is_small(page: Path) -> None:
    assert page.stat().st_size <= MAX_BYTES
