"""Memory, disk and clocks: exact figures in, a status out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop.config.loading import load_config
from lakeloop.runs.doctor import machine
from lakeloop.statuses import CheckStatus
from tests.config.small_project import write_project

OK, WARN, FAIL, NOT_CHECKED = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.NOT_CHECKED


@pytest.mark.parametrize(
    ("available", "status"), [(3584, OK), (3583, WARN), (2048, WARN), (2047, FAIL), (None, NOT_CHECKED)]
)
def test_memory_is_held_against_what_a_turn_holds(available: int | None, status: CheckStatus) -> None:
    assert machine.check_memory(None, available).status is status


def test_the_need_counts_the_project_s_heap_and_budget() -> None:
    project = load_config(Path(__file__).parents[3], None)
    assert machine.memory_need_mib(project) == 1200 + 1024 + 1536


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/meminfo": "MemTotal: 99 kB\nMemAvailable:    2048000 kB\n"}, 2000),
        (
            {
                "proc/meminfo": "MemAvailable: 2048000 kB\n",
                "sys/fs/cgroup/memory.max": f"{512 * 2**20}\n",
                "sys/fs/cgroup/memory.current": f"{112 * 2**20}\n",
            },
            400,
        ),
        (
            {
                "proc/meminfo": "MemAvailable: 2048000 kB\n",
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/memory.current": "1\n",
            },
            2000,
        ),
        ({"proc/meminfo": "nothing known\n"}, None),
    ],
)
def test_available_memory_minds_the_container_s_limit(
    tmp_path: Path, files: dict[str, str], expected: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert machine.available_memory_mib(tmp_path) == expected


@pytest.mark.parametrize(("free", "status"), [(1024, OK), (1023, WARN), (200, WARN), (199, FAIL)])
def test_free_room_is_asked_of_the_disk_the_folder_will_be_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: CheckStatus
) -> None:
    asked: list[Path] = []

    class Usage:
        def __init__(self, folder: Path) -> None:
            asked.append(folder)
            self.free = free * 2**20

    monkeypatch.setattr(machine.shutil, "disk_usage", Usage)
    assert machine.check_disk("disk", tmp_path / "not" / "yet", 1024).status is status
    assert asked == [tmp_path]


def test_what_spark_spills_goes_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", f"{tmp_path},/other")
    assert machine.check_temporary_disk(None).found.endswith(f"free at {tmp_path}")


@pytest.mark.parametrize(("zone", "status"), [("Europe/Berlin", OK), (":UTC", OK), ("Mars", WARN)])
def test_the_machine_s_zone_has_to_be_one(monkeypatch: pytest.MonkeyPatch, zone: str, status: CheckStatus) -> None:
    monkeypatch.setenv("TZ", zone)
    finding = machine.check_time_zones(None)
    assert (finding.status, zone.lstrip(":") in finding.found) == (status, True)


def test_the_project_s_zone_is_told(tmp_path: Path) -> None:
    project = load_config(write_project(tmp_path), None)
    assert machine.check_time_zones(project).found.startswith(f"project {project.project.timezone}, machine ")
