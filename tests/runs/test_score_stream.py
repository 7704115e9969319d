"""A stream gives the predictions that turns give, exactly once, whatever waits and whoever is champion meanwhile."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from lakeloop.config import load_config
from lakeloop.config.score import LateRows, Score
from lakeloop.errors import NotReadyError
from lakeloop.runs import score as runs_score
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import roll_back
from lakeloop.runs.score import score
from lakeloop.runs.score_stream import StreamResult, score_available, score_continuously
from lakeloop.runs.scored_rows import find_scorers, open_scorer
from tests.laws.compare import assert_same_rows, rows
from tests.laws.effects import Effect, Effects, StoppedError, listening
from tests.laws.small_loop import TURNS, land
from tests.shared import finished_project

LAST = TURNS[-1]
NOON, NEXT = LAST + timedelta(hours=12), LAST + timedelta(hours=36)
PREDICTIONS = "predictions/late"

pytestmark = pytest.mark.loop

Rows = list[dict[str, Any]]


def declaring(context: Context, **changes: Any) -> Context:
    models = {"late": context.config.models["late"].model_copy(update={"score": Score(**changes)})}
    return Context(replace(context.config, models=models), context.as_of)


def scored(context: Context) -> Rows:
    """The predictions made after the turns, without the instant of the job that made them, in an order of their own."""
    found = [row for row in rows(context.config, PREDICTIONS) if row["as_of"] > LAST]
    plain = [{name: value for name, value in row.items() if name != "as_of"} for row in found]
    return sorted(plain, key=lambda row: (row["prediction_id"], row["model_version"]))


def write_version(context: Context) -> int:
    return DeltaTable(str(context.config.workspace / PREDICTIONS)).version()


def copied(context: Context, folder: Path, **changes: Any) -> Context:
    """A copy of a project, as of the end of what it has taken in."""
    root = folder / "copy"
    shutil.copytree(context.config.root, root)
    return declaring(Context(load_config(root), NEXT), **changes)


@pytest.fixture(scope="module")
def half_built(spark, tmp_path_factory) -> Context:
    """The finished project with the rows of the next day and a half, and features up to noon; nothing is scored."""
    context = copied(Context(finished_project(), LAST), tmp_path_factory.mktemp("half_built"))
    land(context.config, NEXT, after=LAST)
    ingest(context)
    build_features(context.at(NOON))
    return context


@pytest.fixture(scope="module")
def brought(half_built, tmp_path_factory) -> Context:
    """The same with all features."""
    context = copied(half_built, tmp_path_factory.mktemp("brought"))
    build_features(context)
    return context


@pytest.fixture
def ready(brought, tmp_path) -> Context:
    """A copy of it."""
    return copied(brought, tmp_path)


@pytest.fixture(scope="module")
def by_turn(brought, tmp_path_factory) -> Rows:
    """What the scoring of a turn gives for it."""
    context = copied(brought, tmp_path_factory.mktemp("by_turn"))
    assert score(context, "late").rows == len(scored(context)) > 30
    return scored(context)


def test_a_stream_gives_the_predictions_that_a_turn_gives(ready, by_turn):
    first = score_available(ready.at(NOON), "late")
    second = score_available(ready, "late")
    assert 0 < first.rows < first.rows + second.rows == len(by_turn)
    assert_same_rows(scored(ready), by_turn, PREDICTIONS)
    version = write_version(ready)
    again = score_available(ready, "late")
    assert (again.batches, again.rows) == (0, 0)
    assert score(ready, "late").rows == 0  # a turn finds everything answered
    assert write_version(ready) == version + 1


def test_rows_wait_until_their_features_are_built(half_built, tmp_path, by_turn):
    context = copied(half_built, tmp_path, wait=timedelta(days=7))
    first = score_available(context, "late")
    assert first.rows + first.waiting == len(by_turn)
    assert first.stale == 0 < first.waiting
    assert max(row["prediction_ts"] for row in scored(context)) <= NOON
    build_features(context)
    second = score_available(context.at(NEXT + timedelta(seconds=1)), "late")
    assert (second.rows, second.waiting) == (first.waiting, 0)
    assert_same_rows(scored(context), by_turn, PREDICTIONS)


def test_rows_that_waited_long_enough_are_scored_and_marked(half_built, tmp_path, by_turn):
    context = copied(half_built, tmp_path, wait=timedelta(hours=2))
    result = score_available(context, "late")
    assert result.rows + result.waiting == len(by_turn)
    for row in scored(context):
        assert (row["shop_delays__status"] == "STALE") == (row["prediction_ts"] >= NOON + timedelta(hours=1))
        assert row["prediction_ts"] <= NEXT - timedelta(hours=2)
    marked = [row for row in scored(context) if "STALE" in (row["shop_delays__status"], row["shop_last__status"])]
    assert result.stale == len(marked) > 0


def test_a_new_champion_is_taken_up_between_batches(ready, by_turn):
    """The clock of the stream is driven by the test; after the first batch a person rolls the champion back."""
    instants = iter([NOON, NEXT, NEXT + timedelta(seconds=1)])
    now = NOON

    def clock() -> datetime:
        nonlocal now
        now = next(instants)
        return now

    def is_over(so_far: StreamResult) -> bool:
        if now == NOON and so_far.batches == 1:
            roll_back(ready.at(NOON), "late", Asked("ada", "it is off"))
        return now > NEXT

    result = score_continuously(ready, "late", timedelta(milliseconds=100), clock, is_over)
    assert (result.versions, result.rows) == (("2", "1"), len(by_turn))
    assert {row["prediction_ts"] <= NOON for row in scored(ready) if row["model_version"] == "2"} == {True}
    assert {row["prediction_ts"] > NOON for row in scored(ready) if row["model_version"] == "1"} == {True}
    assert [row["prediction_id"] for row in scored(ready)] == [row["prediction_id"] for row in by_turn]


class Stop:
    """Stops a job before its first effect of a kind that it was not stopped before yet."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def __call__(self, effect: Effect) -> None:
        if str(effect) not in self.stopped:
            self.stopped.append(str(effect))
            raise StoppedError(str(effect))


def test_without_a_champion_a_stream_waits_and_a_call_up_to_an_instant_is_refused(ready, by_turn):
    """The stream begins at an instant before anybody was promoted, and goes on where somebody serves."""
    early = TURNS[0] - timedelta(hours=1)
    with pytest.raises(NotReadyError, match="nobody was promoted before"):
        score_available(ready.at(early), "late")
    instants = iter([early, early, NEXT, NEXT])
    seen: list[int] = []

    def is_over(so_far: StreamResult) -> bool:
        seen.append(so_far.rows)
        return so_far.rows > 0 or len(seen) > 3

    result = score_continuously(ready, "late", timedelta(milliseconds=100), lambda: next(instants), is_over)
    assert seen[:2] == [0, 0]
    assert result.rows == len(by_turn)
    assert_same_rows(scored(ready), by_turn, PREDICTIONS)


def test_a_stream_stopped_before_each_of_its_effects_leaves_what_a_clean_one_leaves(ready, by_turn):
    stop = Stop()
    for _ in range(50):
        try:
            with listening(Effects(ready.config.workspace, stop)):
                score_available(ready, "late")
        except StoppedError:
            continue
        break
    assert any(PREDICTIONS in each for each in stop.stopped)
    assert any("DataStreamWriter" in each for each in stop.stopped)
    assert_same_rows(scored(ready), by_turn, PREDICTIONS)


@pytest.mark.slow
def test_a_checkpoint_that_is_lost_costs_no_row(ready, by_turn):
    first = score_available(ready.at(NOON), "late")
    shutil.rmtree(ready.config.workspace / "checkpoints" / "score")
    second = score_available(ready, "late")
    assert first.rows + second.rows == len(by_turn)
    assert_same_rows(scored(ready), by_turn, PREDICTIONS)


def land_late(context: Context, order: int = 35900, hours: int = 26) -> None:
    """Land an order that was known in time, and its file was not: a trusted history tells so."""
    late = f"{order},A,3,{LAST + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"  # due in the second night
    file = context.config.workspace / "landing" / "orders" / f"late_{order}.csv"
    file.write_text(f"order,shop,items,due_ts\n{late}\n", encoding="utf-8")


@pytest.mark.parametrize("policy", list(LateRows))
def test_rows_that_come_after_their_time_was_scored_follow_the_policy(brought, tmp_path, by_turn, policy):
    context = copied(brought, tmp_path, late=policy)
    assert score_available(context, "late").rows == len(by_turn)
    land_late(context)
    after = context.at(NEXT + timedelta(minutes=1))
    ingest(after)
    result = score_available(after, "late")
    if policy is LateRows.SCORE:
        assert (result.rows, result.late, result.left_out) == (1, 1, 0)
        (late,) = [row for row in scored(context) if row["order"] == 35900]
        assert (late["purpose"], late["shop_delays__status"]) == ("production", "OK")
    else:
        assert (result.rows, result.late, result.left_out) == (0, 0, 1)
        version = write_version(context)
        assert score_available(context.at(NEXT + timedelta(minutes=2)), "late").batches == 0  # met again, it is no news
        assert write_version(context) == version
        assert score(context, "late").left_out == 1  # nor does a turn score it
        land_late(context, 35901, 27)
        again = context.at(NEXT + timedelta(minutes=3))
        ingest(again)
        other = score_available(again, "late")
        assert (other.rows, other.left_out) == (0, 1)  # beside the first, which is met again
        assert result.and_then(other).left_out == 2


def test_a_challenger_answers_beside_the_champion_from_the_same_features(ready, by_turn, monkeypatch):
    """The version that was champion once stands in for a challenger: the finished project has none."""
    model = ready.config.models["late"]
    beside = replace(open_scorer(ready, model, "1"), is_challenger=True)
    found = replace(find_scorers(ready, model), challenger=beside)
    monkeypatch.setattr(runs_score, "find_scorers", lambda *_: found)
    result = score(ready, "late")
    assert result.summary == "36 rows scored by version 2, and by challenger 1 beside it"
    assert_same_rows([row for row in scored(ready) if row["purpose"] == "production"], by_turn, PREDICTIONS)
    shadows = [row for row in scored(ready) if row["purpose"] == "shadow"]
    assert {row["model_version"] for row in shadows} == {"1"}
    answers = {"model_version", "purpose", "score"}
    features = [
        [{name: row[name] for name in row if name not in answers} for row in each] for each in (shadows, by_turn)
    ]
    assert_same_rows(*features, PREDICTIONS)
    assert score_available(ready.at(NEXT + timedelta(seconds=1)), "late").rows == 0  # the champion has answered
