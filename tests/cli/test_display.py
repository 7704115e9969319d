"""What is told while a step runs: on a terminal of any width, without one, and to the curious."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

SCRIPT = """
import sys, time
from lakeloop.cli.display import Display
from lakeloop.runs.progress import StepDone
with Display(verbose="-v" in sys.argv) as show:
    show("turn 1 of 4, as of 2013-04-01: ingest a_source_with_a_long_name " + "and more " * 20)
    time.sleep(0.3)
    show.finished(StepDone("ingest", None, "831 rows read, 830 accepted, 1 quarantined", 4.14, "turn 1 of 4"))
    show.finished(StepDone("training_set", "late", "333 rows pinned", 0.26, "turn 1 of 4"))
print("result")
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(width: int, *arguments: str, **variables: str) -> str:
    """Run the script on a terminal; gives everything that was written to it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {**os.environ, "TERM": "xterm", **variables}
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        environment.pop(name, None)
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert child.wait(20) == 0
    return written.decode()


def left_on_screen(written: str) -> list[str]:
    """The lines that stay: what follows the last return or erasure of a line, without colours."""
    written = re.sub(r"[^\n]*\n(\x1b\[\?25h)?\r?\x1b\[1A\x1b\[2K", "", written)  # a line that was taken away
    kept = [ESCAPES.sub("", re.split(r"\x1b\[2K|\r(?!$)", line.rstrip("\r"))[-1]) for line in written.split("\n")]
    return [line.rstrip() for line in kept if line.strip()]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_keeps_a_line_per_finished_step(width: int) -> None:
    written = on_terminal(width)
    told = {
        60: [
            "    4.1 s  ingest: 831 rows read, 830 accepted, 1",
            "             quarantined",
        ]
    }.get(width, ["    4.1 s  ingest: 831 rows read, 830 accepted, 1 quarantined"])
    assert left_on_screen(written) == ["turn 1 of 4", *told, "    0.3 s  training set late: 333 rows pinned", "result"]
    moving = [ESCAPES.sub("", each) for each in re.split(r"[\r\n]|\x1b\[2K", written) if "as of 2013-04-01" in each]
    assert re.fullmatch(r"[-\\|/] 0:00:00 turn 1 of 4, as of 2013-04-01: ingest.* \.\.\.", moving[0].rstrip())
    widest = max(len(ESCAPES.sub("", each)) for each in re.split(r"[\r\n]|\x1b\[2K", written))
    assert widest <= width  # the moving line never wraps


def test_a_terminal_without_colour_gets_none() -> None:
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", on_terminal(80, NO_COLOR="1"))


@pytest.mark.parametrize(("arguments", "variables"), [((), {"TERM": "dumb"}), (("-v",), {})])
def test_a_dumb_terminal_and_a_curious_one_get_plain_lines(
    arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    written = on_terminal(80, *arguments, **variables)
    assert "\x1b" not in written
    assert "    0.3 s  training set late: 333 rows pinned\r\n" in written
    assert ("ingest a_source" in written) == bool(arguments)


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_without_a_terminal_nothing_is_told(variables: dict[str, str]) -> None:
    done = run_piped([], variables)
    assert (done.stdout, done.stderr) == ("result\n", "")


def test_without_a_terminal_the_curious_get_lines() -> None:
    done = run_piped(["-v"], {"COLUMNS": "100"})
    assert done.stderr.splitlines()[1:] == [
        "turn 1 of 4",
        "    4.1 s  ingest: 831 rows read, 830 accepted, 1 quarantined",
        "    0.3 s  training set late: 333 rows pinned",
    ]


def run_piped(arguments: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **variables})
