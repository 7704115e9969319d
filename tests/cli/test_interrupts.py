"""Signals sent to a real process: one line, the shell's exit code, no trace, whatever the step is doing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from lakeloop.cli.display import Display
from lakeloop.cli.outcome import Options, finish

def work(report):
    with Display() as show:
        show("features courier_delays")
        print("working", flush=True)
        try:
            with ThreadPoolExecutor(2) as pool:  # waits for its threads
                list(pool.map(time.sleep, [30, 30]))
        finally:
            print("unwound", flush=True)

finish(sys.argv[1], Options(None, None, "--json" in sys.argv, False), work)
"""


def interrupted(numbers: list[int], *arguments: str) -> tuple[int, str, str]:
    """Run the script, send the signals once it works; gives exit code, output and errors."""
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "working\n"
    time.sleep(0.3)
    for number in numbers:
        child.send_signal(number)
    out, err = child.communicate(timeout=25)
    return child.returncode, out, err


@pytest.mark.parametrize(
    ("numbers", "code", "what"),
    [
        ([signal.SIGINT], 130, "interrupted"),
        ([signal.SIGTERM], 143, "ended by SIGTERM"),
    ],
)
def test_a_signal_ends_the_process_at_once_with_one_line(numbers: list[int], code: int, what: str) -> None:
    assert interrupted(numbers, "run") == (
        code,
        "",
        f"{what} during: features courier_delays; what is recorded is whole; the same call carries on from there\n",
    )


def test_a_second_interrupt_leaves_no_trace_either() -> None:
    code, out, err = interrupted([signal.SIGINT, signal.SIGINT, signal.SIGINT], "run")
    assert (code, out) == (130, "")
    assert len(err.splitlines()) <= 1


def test_the_demo_says_how_it_goes_on() -> None:
    assert "`lakeloop demo --resume` carries on from there" in interrupted([signal.SIGINT], "demo")[2]


def test_with_json_the_last_line_says_so() -> None:
    code, out, err = interrupted([signal.SIGTERM], "run", "--json")
    line = json.loads(out)
    assert (code, line["exit_code"], line["outcome"]) == (143, 143, "failed")
    assert line["error"] == {"retryable": True, "type": "KeyboardInterrupt", "message": err.strip()}
