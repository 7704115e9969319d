"""One figure as inline SVG: drawn by matplotlib, coloured by the page, and the only place that imports it.

matplotlib writes colours into the drawing. Here every colour of the palette is a stand-in that becomes a variable of
the page's style sheet, so one drawing reads well on a light and on a dark page. Text stays text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes  # charts know the type from here

_POINTS_PER_INCH = 72  # one unit of the drawing is one pixel of the size asked for
_XLINK = "{http://www.w3.org/1999/xlink}href"
_LEFT_OUT = frozenset({"metadata", "style"})
_LONG_FRACTION = re.compile(r"(\d+\.\d)\d+")
_SHORTENED = frozenset({"d", "x", "y", "transform"})
_FONT_FAMILY = re.compile(r"font-family:[^;]*;?\s*")
_FONT = re.compile(r"font:\s*(?:[a-z]+\s+)*([\d.]+px)[^;]*")
_NO_TURN = re.compile(r"^rotate\(-?0 [^)]*\)$")
_REFERENCE = re.compile(r"#([\w.:-]+)")


class Ink(StrEnum):
    """Colours of a figure; each stands for a variable of the page's style sheet."""

    ACCENT = "#a1b2c1"
    INK = "#a1b2c2"
    SOFT = "#a1b2c3"
    LINE = "#a1b2c4"
    CARD = "#a1b2c5"
    GOOD = "#a1b2c6"
    BAD = "#a1b2c7"
    WARN = "#a1b2c8"
    UNKNOWN = "#a1b2c9"


@dataclass(frozen=True)
class Size:
    """Width and height in pixels at which letters have their own size."""

    width: int
    height: int


def draw_figure(name: str, title: str, description: str, size: Size, paint: Callable[[Axes], None]) -> str:
    """Draw one figure.

    The same input gives the same text. No setting of matplotlib is changed beyond the call, and nothing stays open.

    Args:
        name: Prefix of the drawing's ids; different for each figure of a page. Letters, digits, `-`.
        title: What the figure is, for those who cannot see it.
        description: What it says.
        size: Its size; the page scales it to the width there is.
        paint: Draws on the empty axes.

    Returns:
        An `svg` element without outside references, ready to stand in HTML.

    >>> svg = draw_figure("one", "A line", "It goes up.", Size(300, 200), lambda axes: axes.plot([0, 1], [1, 2]))
    >>> svg[:59], "http" in svg
    ('<svg viewBox="0 0 300 200" class="chart" role="img" aria-la', False)
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # a person's own matplotlibrc would change the page
        mpl.rcParams.update(_settings(name))
        inches = (size.width / _POINTS_PER_INCH, size.height / _POINTS_PER_INCH)
        figure = Figure(figsize=inches, dpi=_POINTS_PER_INCH, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set_axisbelow(True)
        paint(axes)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    return _as_inline(written.getvalue(), name, title, description, size)


def _settings(name: str) -> dict[Any, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.parse_math": False,
        "font.size": 12,
        "axes.titlesize": 12,
        "axes.labelcolor": Ink.SOFT.value,
        "axes.edgecolor": Ink.LINE.value,
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": False,
        "grid.color": Ink.LINE.value,
        "grid.linewidth": 1.0,
        "lines.linewidth": 2.0,
        "lines.markersize": 5.0,
        "text.color": Ink.SOFT.value,
        "xtick.color": Ink.SOFT.value,
        "ytick.color": Ink.SOFT.value,
        "xtick.major.size": 0.0,
        "ytick.major.size": 0.0,
    }


def place(instant: datetime) -> float:
    """Give an instant's place on a time axis, in matplotlib's days.

    >>> from datetime import UTC
    >>> place(datetime(1970, 1, 2, 12, tzinfo=UTC))
    1.5
    """
    from matplotlib import dates

    return float(dates.date2num(instant))  # type: ignore[no-untyped-call]


def set_time_axis(axes: Axes, instants: Sequence[datetime], *, ticks: int) -> None:
    """Let the horizontal axis show dates, UTC.

    Args:
        axes: Where; its values are those of `place`.
        instants: What is shown; the axis spans it, with a little room.
        ticks: Most labels wanted.

    >>> from datetime import UTC
    >>> from matplotlib.figure import Figure
    >>> axes, april = Figure().add_subplot(), datetime(2013, 4, 1, tzinfo=UTC)
    >>> set_time_axis(axes, [april, datetime(2013, 4, 8, tzinfo=UTC)], ticks=4)
    >>> float(axes.get_xlim()[0]) == place(april) - 1
    True
    """
    from datetime import UTC

    from matplotlib import dates

    locator = dates.AutoDateLocator(tz=UTC, minticks=2, maxticks=ticks)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
    axes.grid(visible=False, axis="x")
    first, last = place(min(instants)), place(max(instants))
    room = max((last - first) * 0.02, 1.0)
    axes.set_xlim(first - room, last + room)


def _as_inline(written: str, name: str, title: str, description: str, size: Size) -> str:
    root = ElementTree.fromstring(written)  # noqa: S314 - written by matplotlib just above
    referenced = {found for each in root.iter() for value in each.attrib.values() for found in _references(value)}
    svg = ElementTree.Element(
        "svg",
        {
            "viewBox": f"0 0 {size.width} {size.height}",
            "class": "chart",
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
        },
    )
    ElementTree.SubElement(svg, "title", {"id": f"{name}-title"}).text = title
    ElementTree.SubElement(svg, "desc", {"id": f"{name}-desc"}).text = description
    _copy_children(root, svg, f"{name}-", referenced)
    return ElementTree.tostring(svg, encoding="unicode")


def _references(value: str) -> list[str]:
    return _REFERENCE.findall(value) if value.startswith("#") or "url(#" in value else []


def _copy_children(source: ElementTree.Element, target: ElementTree.Element, prefix: str, referenced: set[str]) -> None:
    for child in source:
        tag = str(child.tag).rpartition("}")[2]
        if tag in _LEFT_OUT or child.attrib.get("style") == "fill: none":  # the latter is an empty background
            continue
        attributes = {
            "href" if key == _XLINK else key: _rewrite(key, value, prefix)
            for key, value in child.attrib.items()
            if not (key == "id" and value not in referenced) and not (key == "transform" and _NO_TURN.match(value))
        }
        plain_group = tag == "g" and not attributes
        copied = target if plain_group else ElementTree.SubElement(target, tag, attributes)
        if child.text and child.text.strip():
            copied.text = child.text
        _copy_children(child, copied, prefix, referenced)


def _rewrite(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return prefix + value
    if key == _XLINK:
        return f"#{prefix}{value[1:]}"
    if key == "style":
        text = _FONT_FAMILY.sub("", _FONT.sub(r"font-size: \1", value))
        for ink in Ink:
            text = text.replace(ink.value, f"var(--{ink.name.lower()})")
        return text.replace("url(#", f"url(#{prefix}")
    text = value.replace("url(#", f"url(#{prefix}")
    return _LONG_FRACTION.sub(r"\1", " ".join(text.split())) if key in _SHORTENED else text
