"""The feature store as one HTML page that needs nothing else; without its script every feature is still shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from lakeloop.discovery.catalogue import Catalogue, FeatureEntry
from lakeloop.discovery.facts import FeatureFacts, Spread, TableFacts
from lakeloop.discovery.private import HIDDEN
from lakeloop.reporting.page import page_environment

_WIDTH, _HEIGHT = 160, 44


@dataclass(frozen=True)
class CataloguePage:
    """What the page shows.

    Attributes:
        project: The project's name.
        timezone: Its declared zone.
        as_of: The logical now.
        catalogue: What is declared.
        facts: Feature table -> what it says; a table that was not read is missing.
        report: File of the report beside it; empty without one.
    """

    project: str
    timezone: str
    as_of: datetime
    catalogue: Catalogue
    facts: Mapping[str, TableFacts] = field(default_factory=dict)
    report: str = ""


@dataclass(frozen=True)
class Bar:
    """A bar of a picture, in its coordinates."""

    x: float
    y: float
    width: float
    height: float
    rows: int


@dataclass(frozen=True)
class Picture:
    """How values are spread, ready to be drawn.

    Attributes:
        bars: Bars of a number, from its least to its greatest value.
        lower: The least value, in words.
        upper: The greatest value.
        values: Of words the value, its share of the most frequent one in percent, and its rows.
        others: Rows with any other word.
        instead: Words that stand where there is no picture.
    """

    bars: tuple[Bar, ...] = ()
    lower: str = ""
    upper: str = ""
    values: tuple[tuple[str, float, int], ...] = ()
    others: int = 0
    instead: str = ""


def render_catalogue(page: CataloguePage) -> str:
    """Render the page.

    Args:
        page: What to show.

    Returns:
        A complete HTML document, UTF-8; every text is escaped and bounded.

    >>> from datetime import UTC
    >>> noon = datetime(2013, 5, 1, tzinfo=UTC)
    >>> html = render_catalogue(CataloguePage("flights", "UTC", noon, Catalogue("flights", ())))
    >>> "no feature table is declared" in html
    True
    """
    return (
        page_environment()
        .get_template("features.html")
        .render(
            page=page,
            local=f"{page.as_of.astimezone(ZoneInfo(page.timezone)):%Y-%m-%d %H:%M}",
            width=_WIDTH,
            height=_HEIGHT,
            draw=draw_feature,
            words=_words,
        )
    )


def draw_feature(feature: FeatureEntry, facts: FeatureFacts | None) -> Picture:
    """Draw how a feature's values are spread.

    Args:
        feature: What is declared of it; what says something of a person is not drawn.
        facts: What its table says; None where it was not read.

    Returns:
        Bars or words, or why there are none.

    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> feature = build_catalogue(shops).features[0]
    >>> facts = FeatureFacts(feature.feature, "double", 0, 0.0, Spread(0.0, 10.0, (1, 4)))
    >>> [(bar.x, bar.height) for bar in draw_feature(feature, facts).bars]
    [(0.0, 11.0), (80.0, 44.0)]
    >>> draw_feature(feature, None).instead
    'not built yet'
    """
    if feature.is_private:
        return Picture(instead=HIDDEN)
    if facts is None:
        return Picture(instead="not built yet")
    if facts.spread is None:
        return Picture(instead="no value" if facts.null_share == 1 else "no picture")
    return _draw(facts.spread)


def _draw(spread: Spread) -> Picture:
    if spread.lower is None or spread.upper is None:
        most = max((each.rows for each in spread.values), default=1)
        values = tuple((each.value, round(100 * each.rows / most, 1), each.rows) for each in spread.values)
        return Picture(values=values, others=spread.others)
    if spread.lower == spread.upper:
        return Picture(instead=f"always {spread.lower:g}")
    return Picture(_bars(spread.counts), f"{spread.lower:.4g}", f"{spread.upper:.4g}")


def _bars(counts: Sequence[int]) -> tuple[Bar, ...]:
    most, step = max(counts, default=0), _WIDTH / max(len(counts), 1)
    bars = []
    for index, rows in enumerate(counts):
        if rows:
            height = max(round(_HEIGHT * rows / most, 1), 1.5)  # one row among thousands is still seen
            bars.append(Bar(round(index * step, 1), round(_HEIGHT - height, 1), round(step - 1, 1), height, rows))
    return tuple(bars)


def _words(feature: FeatureEntry) -> str:
    """Give what the search box looks in."""
    parts = (
        *(feature.name, feature.description, feature.owner, feature.type or "", feature.unit or "", feature.made_of),
        *(*feature.tags, *feature.entity, *feature.columns, *feature.landed, *feature.models),
    )
    return " ".join(parts).lower()
