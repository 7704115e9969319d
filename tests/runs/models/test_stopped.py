"""A person's event that is stopped before any of its effects, and what the next call makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from lakeloop.config import load_config
from lakeloop.decisions.flags import Flag
from lakeloop.errors import EnvironmentProblemError
from lakeloop.runs.aliases import reconcile_aliases
from lakeloop.runs.context import Context
from lakeloop.runs.flags import raise_flags, read_open_flags
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import promote_version, roll_back
from lakeloop.runs.promotions import read_whole_ledger
from lakeloop.statuses import FlagKind
from tests.laws.effects import Effect, Effects, StoppedError, listening
from tests.runs.models.ledgers import MODEL, aliases, day, judge

ADA = Asked("ada", "bias")
STOPPED = (StoppedError, MlflowException, EnvironmentProblemError)
"""What a stop is told as: below MLflow it passes for a store that does not answer."""


def at_third(context: Context) -> Context:
    """Version 3 is champion with an open flag; 2 and 1 were before it."""
    for number, version in enumerate(("1", "2", "3"), 1):
        judge(context.at(day(number)), version)
    now = context.at(day(3))
    raise_flags(now, MODEL, [Flag(FlagKind.REGIME_DRIFT, MODEL, "3", "items", *[now.as_of] * 3)])
    return now


def left(context: Context) -> tuple[Any, ...]:
    ledger = [(each.seq, each.event.value, each.version, each.as_of) for each in read_whole_ledger(context, MODEL)]
    return ledger, aliases(context), [flag.subject for flag in read_open_flags(context, MODEL)]


def copied(context: Context, name: str) -> Context:
    root = context.config.root.with_name(name)
    shutil.copytree(context.config.root, root)
    return Context(load_config(root), context.as_of)


CALLS: dict[str, Callable[[Context], Any]] = {
    "rollback": lambda context: roll_back(context, MODEL, ADA),
    "promote": lambda context: promote_version(context, MODEL, "1", ADA),
}


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_stopped_before_any_effect_and_called_again(context: Context, call: str) -> None:
    start = at_third(context)
    clean, told = copied(start, "clean"), list[Effect]()
    with listening(Effects(clean.config.workspace, told.append)):
        CALLS[call](clean)
    wanted, champion = left(clean), aliases(clean)[0]
    assert len(told) > 4
    for place in range(len(told)):
        stopped, seen = copied(start, f"stopped-{place}"), list[Effect]()

        def stop(effect: Effect, seen: list[Effect] = seen, place: int = place) -> None:
            seen.append(effect)
            if len(seen) == place + 1:
                raise StoppedError(str(effect))

        with (
            pytest.raises((StoppedError, MlflowException, EnvironmentProblemError)),
            listening(Effects(stopped.config.workspace, stop)),
        ):
            CALLS[call](stopped)
        another = Context(load_config(stopped.config.root), stopped.as_of)
        is_written = len(read_whole_ledger(another, MODEL)) == 4
        if is_written and aliases(another)[0] != champion:
            by_next_job = copied(another, f"next-{place}")
            reconcile_aliases(by_next_job, MODEL)
            assert left(by_next_job) == wanted, told[place]
        if not is_written or aliases(another)[0] != champion or call == "promote":
            CALLS[call](another)  # a rollback whose alias has followed is done; the same call would go further back
        assert left(another) == wanted, told[place]


def test_a_rollback_that_was_stopped_before_its_alias_is_finished_not_done_twice(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = at_third(context)

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("lakeloop.runs.models.change.reconcile_aliases", stop)
        with pytest.raises(StoppedError):
            roll_back(now, MODEL, ADA)
    assert aliases(now) == ("3", "2", None)
    assert (roll_back(now, MODEL, ADA).outcome.value, aliases(now)) == ("SKIPPED", ("2", "1", None))
    assert read_open_flags(now, MODEL) == []
    assert len(read_whole_ledger(now, MODEL)) == 4
