"""Explanations of predictions: of a sample of every scoring, once, whoever scored and wherever a job was stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config import load_config
from lakeloop.config.columns import input_columns
from lakeloop.config.score import Explain, Score
from lakeloop.errors import NotReadyError
from lakeloop.runs import score as runs_score
from lakeloop.runs.context import Context
from lakeloop.runs.features import build_features
from lakeloop.runs.ingest import ingest
from lakeloop.runs.score import score
from lakeloop.runs.score_again import Range, score_range
from lakeloop.runs.score_stream import score_available
from lakeloop.runs.scored_rows import find_scorers, open_scorer
from lakeloop.statuses import Outcome
from tests.laws.compare import assert_same_rows, rows
from tests.laws.effects import Effect, Effects, StoppedError, listening
from tests.laws.small_loop import TURNS, land
from tests.shared import finished_project

LAST = TURNS[-1]
NEXT = LAST + timedelta(hours=36)
EXPLANATIONS, PREDICTIONS = "explanations/late", "predictions/late"
FEW = Explain(rows=5, top=3, background=6)

Rows = list[dict[str, Any]]


def declaring(context: Context, explain: Explain | None) -> Context:
    models = {"late": context.config.models["late"].model_copy(update={"score": Score(explain=explain)})}
    return Context(replace(context.config, models=models), context.as_of)


@pytest.fixture(scope="module")
def brought(spark, tmp_path_factory) -> Path:
    """The finished project with the rows and features of the next day and a half; nothing of it is scored."""
    root = tmp_path_factory.mktemp("brought") / "project"
    shutil.copytree(finished_project().root, root)
    config = load_config(root)
    land(config, NEXT, after=LAST)
    ingest(Context(config, NEXT))
    build_features(Context(config, NEXT))
    return root


def copy(brought: Path, folder: Path, explain: Explain | None = FEW) -> Context:
    root = folder / "copy"
    shutil.copytree(brought, root)
    return declaring(Context(load_config(root), NEXT), explain)


@pytest.fixture
def ready(brought, tmp_path) -> Context:
    """A copy of it, which explains five rows of every scoring."""
    return copy(brought, tmp_path)


@pytest.fixture(scope="module")
def clean(brought, tmp_path_factory) -> Context:
    """What a turn's scoring makes of it that nothing stopped."""
    context = copy(brought, tmp_path_factory.mktemp("clean"))
    assert score(context, "late").explained == 5
    return context


def explained(context: Context, **only: Any) -> Rows:
    found = [row for row in rows(context.config, EXPLANATIONS) if all(row[name] == only[name] for name in only)]
    return sorted(found, key=lambda row: (row["prediction_id"], row["model_version"], row["revision"], row["rank"]))


def predicted(context: Context, **only: Any) -> Rows:
    found = rows(context.config, PREDICTIONS)
    chosen = [row for row in found if all(row[name] == only[name] for name in only)]
    return sorted(chosen, key=lambda row: row["prediction_id"])


def has_explanations(context: Context) -> bool:
    return (context.config.workspace / EXPLANATIONS / "_delta_log").is_dir()


def test_the_predictions_with_the_smallest_ids_are_explained(clean):
    new = predicted(clean, as_of=NEXT)
    found = explained(clean)
    assert len(new) > 30
    assert list(dict.fromkeys(row["prediction_id"] for row in found)) == [row["prediction_id"] for row in new[:5]]
    assert [row["rank"] for row in found] == [1, 2, 3] * 5
    by_id = {row["prediction_id"]: row for row in new}
    copied = ("prediction_ts", "model_name", "model_version", "revision", "score", "as_of")
    for row in found:
        assert {name: row[name] for name in copied} == {name: by_id[row["prediction_id"]][name] for name in copied}
        assert row["feature"] in input_columns(clean.config, clean.config.models["late"])
    sizes = [abs(row["contribution"]) for row in found]
    assert all(sizes[place] >= sizes[place + 1] for place in range(14) if place % 3 < 2)
    assert len({row["baseline"] for row in found}) == 1
    assert 0 < found[0]["baseline"] < 1


def test_a_repeated_scoring_explains_nothing_anew_whatever_is_declared_by_then(clean):
    before = explained(clean)
    commits = sorted((clean.config.workspace / EXPLANATIONS / "_delta_log").iterdir())
    result = score(declaring(clean, Explain(rows=9, top=1)), "late")
    assert (result.outcome, result.explained) == (Outcome.SKIPPED, 5)
    assert result.summary.endswith("already scored by version 2; 5 explained")
    assert sorted((clean.config.workspace / EXPLANATIONS / "_delta_log").iterdir()) == commits
    assert_same_rows(explained(clean), before, EXPLANATIONS)


def test_contributions_of_all_columns_add_up_and_predictions_stand_whether_they_are_explained_or_not(ready, clean):
    plain = declaring(ready, None)
    assert score(plain, "late").explained == 0
    assert not has_explanations(ready)
    assert_same_rows(predicted(ready), predicted(clean), PREDICTIONS)
    all_columns = Explain(rows=2, top=20, background=6)
    assert score(declaring(ready, all_columns), "late").explained == 2  # declared later: made from what is committed
    found = explained(ready)
    columns = input_columns(ready.config, ready.config.models["late"])
    assert len(found) == 2 * len(columns)
    for prediction in {row["prediction_id"] for row in found}:
        of_one = [row for row in found if row["prediction_id"] == prediction]
        assert {row["feature"] for row in of_one} == set(columns)
        total = sum(row["contribution"] for row in of_one)
        assert total == pytest.approx(of_one[0]["score"] - of_one[0]["baseline"], abs=1e-9)
    assert_same_rows([row for row in found if row["rank"] <= 3], explained(clean)[:6], EXPLANATIONS)


def stop_at(context: Context, nth: int, job: Callable[[], object]) -> None:
    """End the process, in effect, before the nth effect on the table of explanations."""
    seen = 0

    def announce(effect: Effect) -> None:
        nonlocal seen
        seen += effect.target.startswith(EXPLANATIONS)
        if seen >= nth:
            raise StoppedError(str(effect))

    with listening(Effects(context.config.workspace, announce)), pytest.raises(StoppedError):
        job()


def test_a_scoring_stopped_before_any_write_of_its_explanations_leaves_what_a_clean_one_leaves(ready, clean):
    for nth in (1, 2):  # the table, the rows
        stop_at(ready, nth, lambda: score(ready, "late"))
        assert_same_rows(predicted(ready), predicted(clean), PREDICTIONS)
        assert not has_explanations(ready) or explained(ready) == []
    result = score(ready, "late")
    assert (result.outcome, result.explained) == (Outcome.SKIPPED, 5)
    assert_same_rows(explained(ready), explained(clean), EXPLANATIONS)


def test_a_stream_explains_as_a_turn_does_also_where_it_was_stopped(ready, clean):
    stop_at(ready, 2, lambda: score_available(ready, "late"))
    assert len(predicted(ready, as_of=NEXT)) == len(predicted(clean, as_of=NEXT))
    score_available(ready, "late")
    assert_same_rows(explained(ready), explained(clean), EXPLANATIONS)


def test_the_past_that_is_scored_again_gets_the_same_explanations_as_rows_of_their_own(ready, clean):
    score(declaring(ready, None), "late")
    stretch = Range(LAST, NEXT, version="2", again=True)
    stop_at(ready, 1, lambda: score_range(ready, "late", stretch))
    result = score_range(ready, "late", stretch)
    assert (result.outcome, result.explained) == (Outcome.SKIPPED, 5)
    assert result.summary.endswith("scored as backtests by version 2; 5 explained")
    again = explained(ready)
    assert {row["revision"] for row in again} == {1}  # not the turn's rows of the same instant
    assert_same_rows([row | {"revision": 0} for row in again], explained(clean), EXPLANATIONS)
    assert score(ready, "late").explained == 5  # now the turn's, of which later commits tell nothing
    assert_same_rows(explained(ready, revision=0), explained(clean), EXPLANATIONS)


def test_answers_of_a_challenger_are_not_explained(ready, clean, monkeypatch):
    """The version that was champion once stands in for a challenger: the finished project has none."""
    model = ready.config.models["late"]
    beside = replace(open_scorer(ready, model, "1"), is_challenger=True)
    found = replace(find_scorers(ready, model), challenger=beside)
    monkeypatch.setattr(runs_score, "find_scorers", lambda *_: found)
    assert score(ready, "late").explained == 5
    assert {row["model_version"] for row in predicted(ready, as_of=NEXT)} == {"1", "2"}
    assert_same_rows(explained(ready), explained(clean), EXPLANATIONS)


def test_a_training_set_that_is_gone_is_told(ready, monkeypatch):
    monkeypatch.setattr("lakeloop.runs.explanations.TRAIN", "none")
    with pytest.raises(NotReadyError) as told:
        score(ready, "late")
    assert "has no rows" in str(told.value)
    assert "score.explain" in told.value.remedy
