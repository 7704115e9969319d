"""Finding features by words: of a name, a description, a tag, a unit, a column they come from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lakeloop.config.mistakes import closest
from lakeloop.discovery.catalogue import Catalogue, FeatureEntry, TableEntry

_WHOLE, _PART = 2, 1
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Hit:
    """A feature that was found.

    Attributes:
        feature: The feature.
        score: How well it fits; the best is first.
        where: What of it the words were found in.
    """

    feature: FeatureEntry
    score: int
    where: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        words: The words that were looked for.
        hits: Features that fit most of the words, best first.
        unmatched: Words that none of them has.
        did_you_mean: Words of the catalogue that are close to those nothing was found for.
    """

    words: tuple[str, ...]
    hits: tuple[Hit, ...]
    unmatched: tuple[str, ...]
    did_you_mean: tuple[str, ...]


def search_catalogue(catalogue: Catalogue, words: Iterable[str]) -> Found:
    """Look for features.

    A word fits where a part of a name or a text begins with it. A name counts more than a tag or a unit, these more
    than a column it comes from, and that more than a description; a whole word counts double.

    Args:
        catalogue: The catalogue.
        words: Words in any case.

    Returns:
        The features that fit most of the words; ties in the order of names.

    >>> from pathlib import Path
    >>> from lakeloop.config.loading import load_config
    >>> from lakeloop.discovery.catalogue import build_catalogue
    >>> catalogue = build_catalogue(load_config(Path()))
    >>> [each.feature.name for each in search_catalogue(catalogue, ["wind"]).hits]
    ['weather.wind_gust_mph', 'weather.wind_speed_mph']
    >>> search_catalogue(catalogue, ["humidty"]).did_you_mean
    ('humidity',)
    """
    wanted = tuple(dict.fromkeys(part for word in words for part in _WORD.findall(word.casefold())))
    rated = [(*_rate(feature, table, wanted), feature) for table in catalogue.tables for feature in table.features]
    most = max((len(matched) for matched, _, _, _ in rated), default=0)
    best = [each for each in rated if most and len(each[0]) == most]
    best.sort(key=lambda each: (-each[1], each[3].name))
    matched_by_any = {word for matched, _, _, _ in best for word in matched}
    unmatched = tuple(word for word in wanted if word not in matched_by_any)
    known = sorted({part for table in catalogue.tables for part in _vocabulary(table)})
    close = (closest(word, known) for word in unmatched)
    return Found(
        words=wanted,
        hits=tuple(Hit(feature, score, where) for _, score, where, feature in best),
        unmatched=unmatched,
        did_you_mean=tuple(dict.fromkeys(each for each in close if each is not None)),
    )


def _rate(
    feature: FeatureEntry, table: TableEntry, wanted: Sequence[str]
) -> tuple[frozenset[str], int, tuple[str, ...]]:
    """Give the words that fit, the score, and where they were found."""
    matched: set[str] = set()
    score, where = 0, dict[str, None]()
    for name, weight, parts in _fields(feature, table):
        for word in wanted:
            fit = _fit(word, parts)
            if fit:
                matched.add(word)
                score += weight * fit
                where[name] = None
    return frozenset(matched), score, tuple(where)


def _fields(feature: FeatureEntry, table: TableEntry) -> Iterator[tuple[str, int, frozenset[str]]]:
    columns = [*feature.columns, *feature.landed]
    yield "name", 10, _parts(feature.feature)
    yield "table", 6, _parts(feature.table)
    yield "tag", 8, _parts(*feature.tags)
    yield "unit", 8, _parts(feature.unit or "")
    yield "column", 5, _parts(*columns)
    yield "entity", 3, _parts(*feature.entity)
    yield "model", 2, _parts(*feature.models)
    yield "description", 2, _parts(feature.description, table.description)
    yield "owner", 1, _parts(feature.owner)


def _vocabulary(table: TableEntry) -> Iterator[str]:
    for feature in table.features:
        for _, _, parts in _fields(feature, table):
            yield from parts


def _parts(*texts: str) -> frozenset[str]:
    return frozenset(part for text in texts for part in _WORD.findall(text.casefold()))


def _fit(word: str, parts: frozenset[str]) -> int:
    if word in parts:
        return _WHOLE
    return _PART if any(part.startswith(word) for part in parts) else 0
