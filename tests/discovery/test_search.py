"""Finding features by words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.config import load_config
from lakeloop.discovery import Catalogue, build_catalogue, search_catalogue
from lakeloop.discovery.text import describe_found
from tests.discovery.tagged_project import load_tagged

FLIGHTS = build_catalogue(load_config(Path(__file__).parents[2]))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return build_catalogue(load_tagged(tmp_path))


def names(catalogue: Catalogue, *words: str) -> list[str]:
    return [hit.feature.name for hit in search_catalogue(catalogue, words).hits]


@pytest.mark.parametrize(
    ("words", "first", "where"),
    [
        (("storm",), "readings.wind_level", "tag"),
        (("beaufort",), "readings.wind_level", "unit"),
        (("scheduled",), "carrier_delays.count_delay_minutes_3h", "description"),
        (("gust_mph",), "readings.gust_ratio", "column"),
        (("GUST",), "readings.gust_ratio", "name"),
        (("wind", "level"), "readings.wind_level", "name"),
    ],
)
def test_a_word_is_found_wherever_it_stands(
    catalogue: Catalogue, words: tuple[str, ...], first: str, where: str
) -> None:
    hit = search_catalogue(catalogue, words).hits[0]
    assert hit.feature.name == first
    assert where in hit.where


def test_a_name_comes_before_a_column_it_is_made_of() -> None:
    found = names(FLIGHTS, "wind")
    assert found == ["weather.wind_gust_mph", "weather.wind_speed_mph"]  # the gust is made of both columns


def test_features_with_all_words_come_without_the_others() -> None:
    assert names(FLIGHTS, "arrival", "stddev") == ["carrier_delays.stddev_arrival_delay_minutes_1d"]


def test_nothing_found_names_what_was_probably_meant(catalogue: Catalogue) -> None:
    found = search_catalogue(catalogue, ["beufort"])
    assert (found.hits, found.unmatched, found.did_you_mean) == ((), ("beufort",), ("beaufort",))
    assert describe_found(found) == "nothing has the word: beufort\ndid you mean: beaufort"


def test_a_word_that_nothing_is_near_to_has_no_suggestion(catalogue: Catalogue) -> None:
    assert describe_found(search_catalogue(catalogue, ["xyzzy"])) == "nothing has the word: xyzzy"


def test_one_unknown_word_of_several_is_told_and_the_rest_found(catalogue: Catalogue) -> None:
    found = search_catalogue(catalogue, ["storm", "xyzzy"])
    assert [hit.feature.name for hit in found.hits] == ["readings.wind_level"]
    assert found.unmatched == ("xyzzy",)


def test_signs_alone_are_no_word(catalogue: Catalogue) -> None:
    assert describe_found(search_catalogue(catalogue, ["--", "  "])) == "no word was given: letters and digits count"


def test_an_empty_catalogue_finds_nothing() -> None:
    assert search_catalogue(Catalogue("empty", ()), ["delay"]).hits == ()


@given(st.lists(st.text(max_size=12), max_size=4))
def test_any_words_give_an_ordered_answer_within_the_width(words: list[str]) -> None:
    found = search_catalogue(FLIGHTS, words)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    assert len({hit.feature.name for hit in found.hits}) == len(found.hits)
    assert found == search_catalogue(FLIGHTS, words), "the same words give the same answer"
    assert bool(found.hits) == any(word not in found.unmatched for word in found.words)


def test_words_of_any_alphabet_are_looked_for(catalogue: Catalogue) -> None:
    table = catalogue.tables[0]
    named = replace(table.features[0], description="Größe des Flugzeugs")
    known = Catalogue("flights", (replace(table, features=(named,)),))
    for words in (["Größe"], ["GRÖSSE"]):
        found = search_catalogue(known, words)
        assert (found.words, [each.feature for each in found.hits]) == (("grösse",), [named])
