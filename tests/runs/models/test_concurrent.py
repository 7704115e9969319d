"""Two who change a model at once: one wins, the other is told who is champion now."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lakeloop import schemas
from lakeloop.errors import ConflictError
from lakeloop.runs.context import Context
from lakeloop.runs.models.change import Asked
from lakeloop.runs.models.events import promote_version, roll_back
from lakeloop.runs.promotion_events import record_event
from lakeloop.runs.promotions import find_champion, read_whole_ledger
from lakeloop.tables import Lake
from tests.runs.models.ledgers import MODEL, aliases, day, judge

ROOT = Path(__file__).parents[3]


def start(root: Path, version: str) -> subprocess.Popen[str]:
    path = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runs.models.promoting", str(root), version],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return
    raise AssertionError(f"the process ended before it said {word}")


def test_of_two_processes_one_wins_and_the_other_is_told_by_whom(context: Context) -> None:
    judge(context.at(day(1)), "1")
    processes = {version: start(context.config.root, version) for version in ("2", "3")}
    try:
        for each in processes.values():
            wait_for(each, "ready")
        with context.lake.writing():  # both read who is champion, then wait
            for each in processes.values():
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
                wait_for(each, "waiting for another job")
        said = {version: each.communicate(timeout=120)[0] for version, each in processes.items()}
    finally:
        for each in processes.values():
            each.kill()
            each.wait(30)
    ledger = read_whole_ledger(context, MODEL)
    champion = find_champion(ledger)
    assert champion is not None
    winner, loser = champion.version, {"2": "3", "3": "2"}[champion.version]
    assert said[winner] == f"done {winner}\n"
    assert said[loser] == (
        "ConflictError model late: conflicts with what is recorded\n"
        f"  - ledger: version {winner} was promoted by process of {winner} as of 2024-01-11T00:00:00Z meanwhile;"
        f" champion is version {winner}\n"
        "  remedy: read `lakeloop models history late`, then decide again\n"
    )
    assert [each.seq for each in ledger] == [1, 2]
    assert aliases(context) == (winner, "1", None)


def test_a_place_in_the_ledger_is_taken_once(context: Context) -> None:
    """As on a storage that several machines share: nothing but the write's identity stands between two writers."""
    judge(context.at(day(1)), "1")
    read = read_whole_ledger(context, MODEL)
    row: dict[str, Any] = context.lake.own_rows(schemas.PROMOTIONS, None)[0]
    here, there = (Lake(context.lake._spark, context.config.workspace, retention=timedelta(days=400)) for _ in range(2))
    for lake in (here, there):
        lake.commits(lake.own(schemas.PROMOTIONS))  # both have read the log before either writes
    first, second = Context(context.config, day(2)), Context(context.config, day(2))
    first.__dict__["lake"], second.__dict__["lake"] = here, there
    record_event(first, row | {"promotion_id": "first", "model_version": "2"}, read)
    with pytest.raises(ConflictError) as error:
        record_event(second, row | {"promotion_id": "second", "model_version": "3"}, read)
    assert "meanwhile; champion is version 2" in str(error.value)
    record_event(first, row | {"promotion_id": "first", "model_version": "2"}, read)  # its own again: nothing more
    assert [each.version for each in read_whole_ledger(context, MODEL)] == ["1", "2"]


def test_who_decided_on_another_champion_is_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, version in enumerate(("1", "2", "3"), 1):
        judge(context.at(day(number)), version)
    ada, bob = Asked("ada", "bias", expect="3"), Asked("bob", "it is slow", expect="3")
    assert roll_back(context, MODEL, ada).champion == "2"
    with pytest.raises(ConflictError) as error:
        promote_version(context, MODEL, "1", bob)
    assert "version 3 was expected, it is version 2: version 2 was rolled back to by ada" in str(error.value)
