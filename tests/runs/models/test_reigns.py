"""Who is champion, previous and challenger, worked out from events in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeloop.runs.models.states import state_of
from lakeloop.runs.promotions import (
    ARCHIVED,
    HELD,
    PROMOTED,
    REJECTED,
    champion_before,
    find_challenger,
    find_champion,
    list_reigns,
)
from lakeloop.statuses import LedgerEvent, VersionState
from tests.runs.models.ledgers import day, event

GATE, PROMOTE, ROLLBACK, ARCHIVE = LedgerEvent.GATE, LedgerEvent.PROMOTE, LedgerEvent.ROLLBACK, LedgerEvent.ARCHIVE
THREE = [event("1", at=1), event("2", at=2, seq=2), event("3", at=3, seq=3)]


@pytest.mark.parametrize(
    ("more", "reigns"),
    [
        ([], ("1", "2", "3")),
        ([event("4", outcome=REJECTED, at=4, seq=4)], ("1", "2", "3")),
        ([event("2", ROLLBACK, at=4, seq=4)], ("1", "2")),
        ([event("1", ROLLBACK, at=4, seq=4)], ("1",)),
        # A second rollback goes further back, never to what was rolled back from.
        ([event("2", ROLLBACK, at=4, seq=4), event("1", ROLLBACK, at=4, seq=5)], ("1",)),
        ([event("2", ROLLBACK, at=4, seq=4), event("4", at=5, seq=5)], ("1", "2", "4")),
        ([event("1", PROMOTE, at=4, seq=4)], ("2", "3", "1")),
        ([event("2", ARCHIVE, ARCHIVED, at=4, seq=4)], ("1", "3")),
    ],
)
def test_a_rollback_takes_away_what_was_above_it(more, reigns):
    assert list_reigns([*THREE, *more]) == reigns


def test_nobody_reigns_in_an_empty_ledger():
    assert list_reigns([]) == ()
    assert find_champion([]) is find_challenger([]) is None


def test_a_rollback_is_in_force_for_turns_after_it():
    ledger = [*THREE, event("2", ROLLBACK, at=5, seq=4)]
    champions = [champion_before(ledger, day(at)) for at in (1, 3, 4, 5, 6)]
    assert [each and each.version for each in champions] == [None, "2", "3", "3", "2"]


def test_of_events_at_one_instant_the_later_place_counts():
    ledger = [event("3", at=3, seq=1), event("2", PROMOTE, at=3, seq=2)]
    champion = find_champion(ledger)
    assert champion is not None
    assert champion.version == "2"


@pytest.mark.parametrize(
    ("more", "challenger"),
    [
        ([], None),  # the newest was promoted
        ([event("4", outcome=REJECTED, at=4, seq=4)], "4"),
        ([event("4", outcome=HELD, at=4, seq=4)], "4"),
        ([event("4", outcome=REJECTED, at=4, seq=4), event("4", PROMOTE, at=4, seq=5)], None),
        ([event("4", outcome=REJECTED, at=4, seq=4), event("4", ARCHIVE, ARCHIVED, at=4, seq=5)], None),
        ([event("4", outcome=REJECTED, at=4, seq=4), event("2", ROLLBACK, at=4, seq=5)], "4"),
    ],
)
def test_the_challenger_is_the_newest_that_was_judged_and_not_promoted(more, challenger):
    found = find_challenger([*THREE, *more])
    assert (found and found.version) == challenger


def test_every_version_has_one_state():
    ledger = [
        event("1", at=1),
        event("2", at=2, seq=2),
        event("3", at=3, seq=3),
        event("4", outcome=REJECTED, at=4, seq=4),
        event("5", outcome=HELD, at=5, seq=5),
        event("6", outcome=HELD, at=6, seq=6),
        event("4", ARCHIVE, ARCHIVED, at=6, seq=7),
    ]
    assert [state_of(ledger, version) for version in "1234567"] == [
        VersionState.RETIRED,
        VersionState.PREVIOUS,
        VersionState.CHAMPION,
        VersionState.ARCHIVED,
        VersionState.SUPERSEDED,
        VersionState.HELD,
        VersionState.UNJUDGED,
    ]
    assert state_of([event("1", outcome=REJECTED)], "1") is VersionState.REJECTED


_events = st.builds(
    lambda version, kind: (version, *kind),
    st.sampled_from("12345"),
    st.sampled_from([(GATE, PROMOTED), (GATE, REJECTED), (PROMOTE, PROMOTED), (ROLLBACK, PROMOTED)]),
)


@given(st.lists(_events, max_size=12))
def test_the_last_that_reigns_is_always_the_champion(drawn):
    ledger = [event(version, what, outcome, seq=seq) for seq, (version, what, outcome) in enumerate(drawn, 1)]
    champion, reigns = find_champion(ledger), list_reigns(ledger)
    assert (reigns[-1] if reigns else None) == (champion.version if champion is not None else None)
    assert len(set(reigns)) == len(reigns)
