"""A task of Databricks: its instant, its repeats, and that it ends without an exit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lakeloop.cli.task import TaskFailedError, instant_of, main
from lakeloop.errors import EXIT_CODES

GIVEN = ["--retries", "2", "--wait", "7", "score", "--as-of", "1367404200999"]


class Calls:
    """A stand-in for the command line, which ends with one code after the other."""

    def __init__(self, *codes: int | str | None) -> None:
        self.codes, self.made, self.waited = list(codes), list[list[str]](), list[float]()

    def __call__(self, given: Sequence[str]) -> None:
        self.made.append(list(given))
        raise SystemExit(self.codes.pop(0))

    def run(self, given: Sequence[str] = GIVEN) -> None:
        main(given, call=self, wait=self.waited.append)


def test_a_task_that_is_done_returns() -> None:
    calls = Calls(0)
    calls.run()
    assert calls.made == [["score", "--as-of", "2013-05-01T10:30:00Z", "--json"]]
    assert calls.waited == []


def test_what_may_pass_is_tried_again_as_of_the_same_instant() -> None:
    calls = Calls(6, 7, 0)
    calls.run()
    assert calls.made == 3 * [["score", "--as-of", "2013-05-01T10:30:00Z", "--json"]]
    assert calls.waited == [7, 7]


@pytest.mark.parametrize("code", [2, 3, 4])
def test_what_fails_for_good_is_not_tried_again(code: int) -> None:
    calls = Calls(code)
    with pytest.raises(TaskFailedError, match=f"lakeloop score ended with exit code {code}"):
        calls.run()
    assert calls.waited == []


@pytest.mark.parametrize("code", sorted(set(EXIT_CODES) - {0, 2, 3, 4}))
def test_repeats_come_to_an_end(code: int) -> None:
    calls = Calls(code, code, code)
    with pytest.raises(TaskFailedError):
        calls.run()
    assert (len(calls.made), calls.waited) == (3, [7, 7])


@pytest.mark.parametrize(("code", "is_done"), [(None, True), ("a message", False)])
def test_exits_of_every_kind(code: str | None, is_done: bool) -> None:
    calls = Calls(code)
    run: Callable[[], None] = lambda: calls.run(["plan"])  # noqa: E731 - the same call in both cases
    if is_done:
        run()
    else:
        with pytest.raises(TaskFailedError):
            run()
    assert calls.made == [["plan", "--json"]]


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("1367404200000", "2013-05-01T10:30:00Z"),
        ("1367404200999", "2013-05-01T10:30:00Z"),  # never later than the run
        ("2013-05-01", "2013-05-01"),
        ("2013-05-01T06:30:00-04:00", "2013-05-01T06:30:00-04:00"),
        ("20130501", "20130501"),  # too short for milliseconds: the command line refuses it
        ("{{job.trigger.time.timestamp_ms}}", "{{job.trigger.time.timestamp_ms}}"),
    ],
)
def test_the_instant_of_a_run(given: str, instant: str) -> None:
    assert instant_of(given) == instant


def test_an_instant_that_was_not_filled_in_is_refused_by_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["ingest", "--as-of", "{{job.parameters.as_of}}", "--project", "."]
    with pytest.raises(TaskFailedError, match="exit code 2"):
        main(given)
    assert "--as-of: got '{{job.parameters.as_of}}'" in capsys.readouterr().err
