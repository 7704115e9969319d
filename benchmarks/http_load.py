"""Load over HTTP on loopback: a server that is started and ended here, asked by wrk with one thread.

CPU is that of the server's process tree per request, from /proc; latency is what wrk saw.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import can_read_tree, read_tree

_SCRIPT = """
local bodies = {}
for line in io.lines(os.getenv("LOAD_BODIES")) do bodies[#bodies + 1] = line end
local number = 0
request = function()
  number = number % #bodies + 1
  return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, bodies[number])
end
done = function(summary, latency, _)
  io.write(string.format('{"p50":%.3f,"p99":%.3f,"requests":%d,"seconds":%.3f,"refused":%d,"broken":%d}\\n',
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.requests, summary.duration / 1e6,
    summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""
_WARM_SECONDS = 3
_START_SECONDS = 120


@dataclass(frozen=True)
class Load:
    """What a server answered under load.

    Attributes:
        connections: Connections that asked at once.
        requests: Requests that were answered.
        per_second: Requests per second.
        p50_ms: Median latency, milliseconds.
        p99_ms: Latency that 99 of 100 requests had at most, milliseconds.
        cpu_ms: CPU of the server per request, milliseconds; None where it can't be measured.
        failed: Requests that were refused or broken.
    """

    connections: int
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float | None
    failed: int


def find_wrk() -> str | None:
    """Find wrk on the PATH."""
    return shutil.which("wrk")


@contextmanager
def serving(
    command: Sequence[str], health: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Start a server, wait until it answers, and end it afterwards.

    Args:
        command: What is started.
        health: Address that answers once it serves.
        log: File of what it says.
        environment: Variables that it gets besides.

    Yields:
        Its process id.

    Raises:
        RuntimeError: If it does not come up; its last lines are in the message.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        _wait(process, health, log)
        yield process.pid
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    said = log.read_text(errors="replace").splitlines()[-5:]
    raise RuntimeError("the server did not come up: " + " | ".join(said))


def post(address: str, body: str) -> Any:
    """Ask once."""
    request = urllib.request.Request(address, data=body.encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def ask_for(address: str, bodies: Sequence[str], *, connections: int, seconds: int, server: int, folder: Path) -> Load:
    """Ask for some time, after a shorter warm-up.

    Args:
        address: Where to ask.
        bodies: Bodies, asked in turn.
        connections: How many ask at once.
        seconds: How long.
        server: Process id of the server.
        folder: A folder of its own for the script.

    Returns:
        What was answered.
    """
    (folder / "bodies").write_text("\n".join(bodies) + "\n", encoding="utf-8")
    (folder / "ask.lua").write_text(_SCRIPT, encoding="utf-8")
    _wrk(address, folder, connections, _WARM_SECONDS)
    before = read_tree(server).cpu_seconds if can_read_tree() else None
    found = _wrk(address, folder, connections, seconds)
    after = read_tree(server).cpu_seconds if can_read_tree() else None
    requests = int(found["requests"])
    cpu = None if before is None or after is None or not requests else 1000 * (after - before) / requests
    return Load(
        connections,
        requests,
        requests / found["seconds"],
        found["p50"],
        found["p99"],
        cpu,
        int(found["refused"] + found["broken"]),
    )


def _wrk(address: str, folder: Path, connections: int, seconds: int) -> dict[str, float]:
    wrk = find_wrk()
    if wrk is None:
        raise RuntimeError("wrk is not on the PATH (Debian: apt-get install wrk)")
    command = [
        wrk,
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout",
        "10s",
        "-s",
        str(folder / "ask.lua"),
        address,
    ]
    environment = {**os.environ, "LOAD_BODIES": str(folder / "bodies")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=seconds + 60, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"wrk said: {done.stdout[-300:]} {done.stderr[-300:]}")
    found: dict[str, float] = json.loads(lines[-1])
    return found
