"""What a process tree uses, from process files written by hand and from this very process."""

from __future__ import annotations

import os
import time
from pathlib import Path

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


@on_linux
def test_memory_that_is_held_and_given_back_is_seen() -> None:
    def hold() -> None:
        held = b"x" * (64 * 1024 * 1024)
        time.sleep(0.3)
        del held

    found = measure(hold, every_seconds=0.02)

    assert found.peak_mib is not None
    assert found.base_mib is not None
    assert found.peak_mib - found.base_mib >= 60
    assert found.wall_seconds >= 0.3


@on_linux
def test_time_of_sleep_is_no_cpu_time_and_that_of_work_is() -> None:
    def work() -> None:
        until = time.process_time() + 0.3
        while time.process_time() < until:
            pass

    slept, worked = measure(lambda: time.sleep(0.3), every_seconds=0.1), measure(work)

    assert slept.cpu_seconds is not None
    assert worked.cpu_seconds is not None
    assert slept.cpu_seconds < 0.2 < worked.cpu_seconds


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
