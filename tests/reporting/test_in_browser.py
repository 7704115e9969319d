"""The report as a browser shows it: at the width of a phone and of a desk, on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lakeloop.reporting.assemble import assemble_model
from lakeloop.reporting.page import render_report
from lakeloop.reporting.recorded import Recorded
from tests.outside import skip_without
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

LINKS = """
[...document.querySelectorAll('a[href^="#"]')].map(link => {
  link.click();
  const target = document.getElementById(link.getAttribute('href').slice(1));
  const box = target === null ? null : target.getBoundingClientRect();
  const lands = box !== null && box.height > 0 && box.top > -2 && box.top < innerHeight;
  return lands ? null : link.getAttribute('href');
}).filter(each => each !== null)
"""
CLOSED = "[...document.querySelectorAll('details:not([open]) > summary')].map(each => each.textContent)"
FOCUSED = "document.activeElement.tagName + (document.activeElement.closest('details:not([open])') ? ' closed' : '')"
UNNAMED = """
[...document.querySelectorAll('svg')].filter(svg => {
  const ids = (svg.getAttribute('aria-labelledby') || '').split(' ');
  const words = ids.map(id => document.getElementById(id)).map(each => each ? each.textContent.trim() : '');
  return svg.getAttribute('role') !== 'img' || words.length !== 2 || words.some(word => word === '');
}).length
"""
SKIPPED = """
[...document.querySelectorAll('h1, h2, h3, h4')].map(each => Number(each.tagName[1]))
  .filter((level, place, all) => place > 0 && level > all[place - 1] + 1).length
"""
FAINT = """
(() => {
  const parse = color => color.match(/[\\d.]+/g).map(Number);
  const channel = value => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const light = rgb => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const ground = element => {
    for (let each = element; each !== null; each = each.parentElement) {
      const rgb = parse(getComputedStyle(each).backgroundColor);
      if (rgb.length < 4 || rgb[3] > 0) return rgb;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const each of document.querySelectorAll('body *')) {
    const own = [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || each.getClientRects().length === 0 || ['TITLE', 'DESC'].includes(each.tagName.toUpperCase())) continue;
    const style = getComputedStyle(each);
    const ink = light(parse(each.closest('svg') ? style.fill : style.color)), paper = light(ground(each));
    const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (ratio < 4.5) found.push(`${each.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
})()
"""
MOST_TABS = 2000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_chromium()
    if program is None:
        skip_without("chromium", "put it on the PATH or name one with CHROMIUM")
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
    assert browser.evaluate(FAINT) == [], "contrast of text, WCAG AA"
    is_dark = browser.evaluate(BACKGROUND) == "rgb(18, 22, 28)"
    assert is_dark == (scheme == "dark")
    browser.take_picture(tmp_path / "page.png")
    assert browser.requests == [page.as_uri()]
    assert browser.complaints == []


def test_every_link_into_the_page_lands(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri(), width=1280, height=900, scheme="light")
    assert browser.evaluate("document.querySelectorAll('nav a').length") >= 13
    assert browser.evaluate(LINKS) == []
    assert browser.requests == [page.as_uri()]


def test_the_keyboard_opens_every_detail(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri(), width=1280, height=900, scheme="light")
    assert len(browser.evaluate(CLOSED)) > 20
    for _ in range(MOST_TABS):
        browser.press("Tab", 9)
        focused = browser.evaluate(FOCUSED)
        if focused == "BODY":
            break
        if focused == "SUMMARY closed":
            browser.press("Enter", 13)
    assert browser.evaluate(CLOSED) == []


def test_every_picture_says_in_words_what_it_shows(browser: Browser, page: Path) -> None:
    browser.open(page.as_uri(), width=1280, height=900, scheme="light")
    assert browser.evaluate("document.querySelectorAll('svg.chart').length") > 20
    assert browser.evaluate(UNNAMED) == 0
    assert browser.evaluate(SKIPPED) == 0, "no heading is two levels below the one before"
    assert browser.evaluate("document.querySelectorAll('table:not(:has(th)):not(:has(td.name))').length") == 0


def test_page_is_small(page: Path) -> None:
    assert page.stat().st_size <= MAX_BYTES


def test_page_of_a_year_of_weekly_turns_is_small() -> None:
    page = render_report(make_report(many_of_everything(turns=52, columns=90)))
    assert len(page.encode()) <= MAX_BYTES
    assert page.count('<div class="strip">') == 92, "ninety columns, the score and the label"
