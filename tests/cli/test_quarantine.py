"""The verbs about quarantine: what is passed on, what is printed, how they end. No Spark starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakeloop.cli import main
from lakeloop.errors import ConflictError, Failure, UsageError
from lakeloop.runs.context import Context
from lakeloop.runs.quarantine import (
    QuarantineCounts,
    QuarantinedRow,
    QuarantineSample,
    Reason,
    RuleCount,
    SourceCount,
)
from lakeloop.runs.replay import ReplayResult
from tests.config.small_project import write_project
from tests.factories import instant

MAY, JUNE = instant("2013-05-01 00:00"), instant("2013-06-01 00:00")
COUNTS = QuarantineCounts(
    (SourceCount("outcomes", 7, 2, (RuleCount("range_delay_minutes", 7, MAY, JUNE, 2),)), SourceCount("schedules"))
)
ROW = QuarantinedRow(
    "may.csv", 3, MAY, False, {"flight": "7"}, (Reason("malformed", "", "is no JSON object"),), {}, '{"flight": 7,'
)
SAMPLE = QuarantineSample("outcomes", "malformed", 2, (ROW,))
REPLAYED = ReplayResult("outcomes", None, 7, 5, 1, 1)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Call a verb whose function is replaced; gives exit code, output, errors, and what the function was given."""
    project = write_project(tmp_path / "project")
    monkeypatch.setenv("COLUMNS", "80")

    def calling(function: str, found: Any, *typed: str) -> tuple[int, str, str, tuple[Any, ...]]:
        given: list[tuple[Any, ...]] = []

        def replaced(context: Context, *arguments: Any) -> Any:
            given.append((context.turn, *arguments))
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.setattr(f"lakeloop.runs.{function}", replaced)
        with pytest.raises(SystemExit) as stop:
            main(["quarantine", *typed, "--project", str(project)])
        told = capsys.readouterr()
        return int(str(stop.value.code)), told.out, told.err, given[0] if given else ()

    return calling


def test_list_prints_counts_by_source_and_rule(call: Any) -> None:
    code, out, _, given = call("quarantine.list_quarantine", COUNTS, "list", "--as-of", "2013-07-01")
    assert (code, given) == (0, ("2013-07-01T04:00:00Z",))
    assert out == (
        "outcomes: 7 rows in quarantine, 2 replayed\n"
        "  rule                     rows  replayed             first              last\n"
        "  range_delay_minutes         7         2  2013-05-01 00:00  2013-06-01 00:00\n"
        "nothing in quarantine: schedules\n"
    )


def test_show_passes_its_options_and_prints_rows(call: Any) -> None:
    typed = ("show", "outcomes", "--rule", "malformed", "--limit", "2", "--as-of", "2013-07-01")
    code, out, _, given = call("quarantine.show_quarantine", SAMPLE, *typed)
    assert (code, given[1:]) == (0, ("outcomes", "malformed", 2))
    assert out == (
        "outcomes: 1 quarantined row of malformed\n"
        "1. may.csv, record 3, as of 2013-05-01 00:00\n"
        "     reason   malformed: is no JSON object\n"
        '     record   {"flight": 7,\n'
    )


def test_show_gives_ten_rows_by_default_and_all_of_them_in_json(call: Any) -> None:
    code, out, _, given = call(
        "quarantine.show_quarantine", SAMPLE, "show", "outcomes", "--as-of", "2013-07-01", "--json"
    )
    assert (code, given[1:]) == (0, ("outcomes", None, 10))
    line = json.loads(out)
    assert (line["verb"], line["result"]["rows"][0]["malformed"]) == ("quarantine show", '{"flight": 7,')


def test_replay_tells_where_the_rows_went(call: Any) -> None:
    code, out, _, given = call("replay.run_replay", REPLAYED, "replay", "outcomes", "--as-of", "2013-07-01", "--json")
    assert (code, given[1:]) == (0, ("outcomes", None))
    assert json.loads(out)["result"] == {
        "source": "outcomes",
        "rule": None,
        "rows_read": 7,
        "rows_accepted": 5,
        "rows_quarantined": 1,
        "rows_duplicate": 1,
        "rows_superseded": 0,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("SOURCE", "'outcome'", "outcomes", "did you mean 'outcomes'?"), 2),
        (ConflictError("replay", [Failure("source outcomes", "it has passed the quality gate")], "later"), 6),
    ],
)
def test_replay_ends_with_the_code_of_its_error(call: Any, error: Exception, code: int) -> None:
    ended, out, told, _ = call("replay.run_replay", error, "replay", "outcome", "--as-of", "2013-07-01")
    assert (ended, out, told) == (code, "", f"{error}\n")


@pytest.mark.parametrize("limit", ["0", "1001", "ten"])
def test_show_is_bounded(call: Any, limit: str) -> None:
    typed = ("show", "outcomes", "--limit", limit, "--as-of", "2013-07-01", "--json")
    code, out, _, given = call("quarantine.show_quarantine", SAMPLE, *typed)
    assert (code, given) == (2, ())
    assert json.loads(out)["error"]["type"] == "UsageError"


@pytest.mark.parametrize("typed", [[], ["--help"], ["list", "--help"], ["show", "-h"], ["replay", "-h"]])
def test_help_fits_a_terminal(
    typed: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["quarantine", *typed])
    told = capsys.readouterr()
    text = told.out + told.err
    assert "Usage: lakeloop quarantine" in text
    assert max(map(len, text.splitlines())) <= 80
