from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes

from lakeloop.reporting.figure import Ink, Size, draw_figure

SIZE = Size(320, 200)


def paint(axes: Axes) -> None:
    axes.plot([0, 1, 2], [1, 3, 2], marker="o", color=Ink.ACCENT.value)
    axes.fill_between([0, 1], [0, 0], [1, 1], color=Ink.WARN.value, alpha=0.5)
    axes.set_ylabel("log loss <b> & $x$")


def draw(name: str = "one") -> str:
    return draw_figure(name, "A <line>", "It says & means.", SIZE, paint)


def test_the_same_figure_is_the_same_text() -> None:
    assert draw() == draw()


def test_a_figure_needs_nothing_from_outside() -> None:
    svg = draw()
    assert "http" not in svg
    assert "<style" not in svg, "a style of the drawing would hold for the whole page"
    assert "font-family" not in svg
    assert set(re.findall(r"url\((.)", svg)) <= {"#"}


def test_text_stays_text_and_is_escaped() -> None:
    root = ElementTree.fromstring(draw())
    texts = [each.text for each in root.iter("text")]
    assert "log loss <b> & $x$" in texts


def test_colours_are_those_of_the_page() -> None:
    svg = draw()
    for name in ("accent", "warn", "soft", "line"):
        assert f"var(--{name})" in svg
    assert "#a1b2c" not in svg
    assert re.findall(r"#[0-9a-f]{6}\b", svg) == []


def test_it_can_be_read_aloud_and_scales_with_the_page() -> None:
    root = ElementTree.fromstring(draw())
    assert (root.get("role"), root.get("viewBox")) == ("img", "0 0 320 200")
    assert root.get("width") is None
    title, says = root[0], root[1]
    assert (title.tag, title.text, says.tag, says.text) == ("title", "A <line>", "desc", "It says & means.")
    assert root.get("aria-labelledby") == f"{title.get('id')} {says.get('id')}"


def test_two_figures_share_no_id() -> None:
    one, two = (set(re.findall(r'id="([^"]+)"', draw(name))) for name in ("one", "two"))
    assert one
    assert one.isdisjoint(two)


def test_every_reference_has_its_target() -> None:
    svg = draw()
    pointed = {*re.findall(r'href="#([^"]+)"', svg), *re.findall(r"url\(#([^)]+)\)", svg)}
    assert pointed
    assert pointed <= set(re.findall(r'id="([^"]+)"', svg))


def test_no_setting_of_matplotlib_is_left_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mpl.rcParams, "font.size", 31.0)
    before = dict(mpl.rcParams)
    with_other_settings = draw()
    assert dict(mpl.rcParams) == before
    monkeypatch.undo()
    assert draw() == with_other_settings, "a person's own settings do not change the page"
