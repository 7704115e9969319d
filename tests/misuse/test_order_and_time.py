"""A logical now that is earlier than what was done, in the future, or no instant; a name that does not exist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.misuse.finished import EARLIER, FIRST, LAST, LAST_INSTANT, Call

pytestmark = pytest.mark.loop

VERBS = ["run", "ingest", "features", "score", "monitor", "decide", "training-set", "train"]


def commits(project: Path) -> int:
    return len(list(project.glob("workspace/*/*/_delta_log/*.json")))


@pytest.mark.parametrize("verb", VERBS)
def test_no_step_is_done_in_the_past_of_the_last_turn(call: Call, shared: Path, verb: str) -> None:
    before = commits(shared)
    ended = (
        call(shared, verb, "--model", "late", as_of=EARLIER)
        if verb not in ("ingest", "features")
        else (call(shared, verb, as_of=EARLIER))
    )
    assert ended.code == 6
    assert ended.said == (
        f"{verb} as of 2024-01-30T00:00:00Z: conflicts with what is recorded\n"
        f"  - order: `run` was done as of {LAST_INSTANT}\n"
        f"  remedy: go forward: name {LAST_INSTANT} or a later --as-of; what is recorded of the past is not changed\n"
    )
    assert commits(shared) == before


def test_what_was_done_at_an_earlier_instant_may_be_repeated_and_changes_nothing(call: Call, project: Path) -> None:
    assert call(project, "decide", as_of=LAST).code == 0
    assert call(project, "decide", as_of=FIRST).code == 0
    before = commits(project)
    for verb in ("decide", "training-set"):
        assert call(project, verb, "--model", "late", as_of=FIRST).code == 0
        assert call(project, verb, "--model", "late", as_of=FIRST).code == 0
    assert commits(project) <= before + 1  # the ledger's row of the second verb


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("2013-03-10T02:30", "--as-of: got '2013-03-10T02:30', without an offset; allowed: "),
        ("soon", "--as-of: got 'soon'; allowed: a date, as in 2013-05-01, or an instant with its offset, "),
        ("0001-01-02", "--as-of: got '0001-01-02'; allowed: a date, as in 2013-05-01, "),
        ("9999-12-31", "--as-of: got '9999-12-31'; allowed: a date, as in 2013-05-01, "),
    ],
    ids=["an hour that clocks leave out", "a word", "before all time", "after all time"],
)
def test_what_is_no_instant_is_wrong_use(call: Call, shared: Path, as_of: str, said: str) -> None:
    ended = call(shared, "decide", as_of=as_of)
    assert ended.code == 2
    assert ended.said.startswith(said)
    assert "; remedy: " in ended.said


def test_the_future_is_wrong_use(call: Call, shared: Path) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    ended = call(shared, "decide", as_of=tomorrow)
    assert ended.code == 2
    assert ended.said.startswith(f"--as-of: got '{tomorrow}', in the future; allowed: an instant up to now, 20")


def test_a_misspelt_model_is_guessed(call: Call, shared: Path) -> None:
    ended = call(shared, "score", "--model", "lates", as_of=LAST)
    assert ended.code == 2
    assert ended.said == ("--model: got 'lates'; allowed: late; remedy: did you mean 'late'?\n")


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("score", "  - champion: nobody was promoted before 2024-02-04T00:00:00Z\n"),
        ("monitor", "  - predictions: there are none: nobody was champion before this turn, or it did not score\n"),
        ("train", "  - training set: none is pinned as of 2024-02-04T00:00:00Z\n"),
        ("training-set", "  - gold.shop_delays: STALE: built never, needed 2024-02-04T00:00:00Z\n"),
    ],
)
def test_a_step_before_its_time_names_the_step_that_is_missing(
    call: Call, shared: Path, tmp_path: Path, verb: str, said: str
) -> None:
    (tmp_path / "conf").symlink_to(shared / "conf")
    (tmp_path / "workspace").mkdir()
    ended = call(tmp_path, verb, "--model", "late", as_of=LAST)
    assert ended.code == 5
    assert ended.said.startswith("model late: not ready\n")
    assert said in ended.said
    assert "`lakeloop " in ended.said.splitlines()[-1]
