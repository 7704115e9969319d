"""What a process tree uses, from process files written by hand and from this very process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from benchmarks import measure as measuring
from benchmarks.measure import Measurement, can_read_tree, measure, read_tree, summarise

SECOND, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
on_linux = pytest.mark.skipif(not can_read_tree(), reason="there is no /proc to read")


def write_process(proc: Path, number: int, parent: int, name: str = "java", **used: int) -> None:
    """Write the file of a process; times are in seconds, of the process itself and of children it waited for."""
    times = [used.get(each, 0) * SECOND for each in ("user", "system", "children_user", "children_system")]
    fields = ["S", parent, *[0] * 9, *times, *[0] * 6, used.get("pages", 0), *[0] * 20]
    (proc / str(number)).mkdir()
    (proc / str(number) / "stat").write_text(f"{number} ({name}) {' '.join(map(str, fields))}\n")


def test_the_tree_is_the_process_its_children_and_theirs(tmp_path: Path) -> None:
    write_process(tmp_path, 10, 1, user=1, system=2, pages=5)
    write_process(tmp_path, 20, 10, user=4, pages=7)
    write_process(tmp_path, 5, 20, system=8, pages=11)  # a lower number than its parent
    write_process(tmp_path, 30, 1, user=100, pages=100)  # of somebody else
    (tmp_path / "meminfo").write_text("no process")

    usage = read_tree(10, tmp_path)

    assert (usage.cpu_seconds, usage.resident_bytes, usage.processes) == (15.0, 23 * PAGE, 3)


def test_time_of_ended_children_counts(tmp_path: Path) -> None:
    write_process(tmp_path, 10, 1, user=1, children_user=3, children_system=5)
    assert read_tree(10, tmp_path).cpu_seconds == 9.0


@pytest.mark.parametrize("name", ["Web Content", "a) S 1 (b", ""])
def test_a_name_may_hold_spaces_and_parentheses(tmp_path: Path, name: str) -> None:
    write_process(tmp_path, 10, 1, name=name, user=2, pages=3)
    usage = read_tree(10, tmp_path)
    assert (usage.cpu_seconds, usage.resident_bytes) == (2.0, 3 * PAGE)


def test_a_process_that_ended_meanwhile_is_left_out(tmp_path: Path) -> None:
    write_process(tmp_path, 10, 1, user=2)
    (tmp_path / "20").mkdir()  # listed, and gone before it was read
    assert read_tree(10, tmp_path).processes == 1


def test_no_such_process_has_used_nothing(tmp_path: Path) -> None:
    write_process(tmp_path, 10, 1, user=2)
    usage = read_tree(11, tmp_path)
    assert (usage.cpu_seconds, usage.resident_bytes, usage.processes) == (0.0, 0, 0)


def measure_alone(work: str) -> Measurement:
    """Measure a call of `work` in a process of its own: the tree of this one holds a JVM, which works and shrinks."""
    program = (
        f"import json, time\nfrom dataclasses import asdict\nfrom benchmarks.measure import measure\n{dedent(work)}"
    )
    program += "\nprint(json.dumps(asdict(measure(work, every_seconds=0.02))))"
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return Measurement(**json.loads(ended.stdout))


@on_linux
def test_memory_that_is_held_and_given_back_is_seen() -> None:
    found = measure_alone("""
        def work():
            held = b"x" * (64 * 1024 * 1024)
            time.sleep(1)
    """)
    assert found.peak_mib is not None
    assert found.base_mib is not None
    assert found.peak_mib - found.base_mib >= 60
    assert found.wall_seconds >= 1


@on_linux
def test_time_of_sleep_is_no_cpu_time_and_that_of_work_is() -> None:
    slept = measure_alone("""
        def work():
            time.sleep(0.3)
    """)
    worked = measure_alone("""
        def work():
            until = time.process_time() + 1
            while time.process_time() < until:
                pass
    """)
    assert slept.cpu_seconds is not None
    assert worked.cpu_seconds is not None
    assert slept.cpu_seconds < 0.9 < worked.cpu_seconds


@on_linux
def test_a_failure_of_the_work_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        measure(lambda: 1 / 0)


def test_elsewhere_wall_time_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "can_read_tree", lambda: False)
    found = measure(lambda: None)
    assert found.wall_seconds >= 0
    assert (found.cpu_seconds, found.peak_mib, found.base_mib) == (None, None, None)


def test_runs_are_summed_up_by_medians_and_the_greatest_peak() -> None:
    runs = [
        Measurement(3.0, 6.0, 100.0, 10.0),
        Measurement(1.0, 9.0, 300.0, 20.0),
        Measurement(2.0, 7.0, 200.0, 30.0),
    ]
    assert summarise(runs) == Measurement(2.0, 7.0, 300.0, 10.0)


def test_what_could_not_be_measured_stays_unknown() -> None:
    assert summarise([Measurement(3.0, None, None, None)]) == Measurement(3.0, None, None, None)
