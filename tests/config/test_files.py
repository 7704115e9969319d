"""What stands in `conf/` beside sound files: links, folders, pipes, what is too large."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from lakeloop.config.files import MAX_BYTES
from lakeloop.config.loading import load_config
from lakeloop.errors import ConfigError, ConfigIssue
from tests.config.small_project import FILES, PROJECT, write_project


def only_issue(root: Path) -> ConfigIssue:
    with pytest.raises(ConfigError) as raised:
        load_config(root)
    (issue,) = raised.value.issues
    assert issue.line is None
    return issue


def test_a_folder_with_the_name_of_a_file_is_told(tmp_path: Path) -> None:
    (write_project(tmp_path) / "conf/base/sources/planes.yml").mkdir()
    issue = only_issue(tmp_path)
    assert (issue.file, issue.got) == ("conf/base/sources/planes.yml", "a folder with the name of a file")


def test_a_file_in_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/base").write_text("")
    issue = only_issue(tmp_path)
    assert (issue.file, issue.got, issue.allowed) == ("conf/base", "a file", "a folder")


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    link = write_project(tmp_path) / "conf/base/sources/planes.yml"
    link.symlink_to(link)
    issue = only_issue(tmp_path)
    assert (issue.file, issue.remedy) == ("conf/base/sources/planes.yml", "mend the link, or remove it")


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (write_project(tmp_path) / "conf/base/sources/planes.yml").symlink_to(tmp_path / "nowhere.yml")
    issue = only_issue(tmp_path)
    assert (issue.got, issue.remedy) == ("No such file or directory", "mend the link, or remove it")


def test_a_link_to_a_folder_above_is_told_and_not_followed(tmp_path: Path) -> None:
    (write_project(tmp_path) / "conf/base/sources/again").symlink_to(tmp_path / "conf")
    issue = only_issue(tmp_path)
    assert (issue.file, issue.got) == ("conf/base/sources/again", "a link to a folder that it stands in")


def test_folders_and_files_may_be_links_as_mounted_configuration_has_them(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    sources = root / "conf/base/sources"
    sources.rename(tmp_path / "elsewhere")
    mounted = tmp_path / "mounted"
    (mounted / "..2026_01").mkdir(parents=True)
    for file in (tmp_path / "elsewhere").iterdir():
        file.rename(mounted / "..2026_01" / file.name)
        (mounted / file.name).symlink_to(mounted / "..data" / file.name)
    (mounted / "..data").symlink_to(mounted / "..2026_01")
    sources.symlink_to(mounted)
    assert list(load_config(root).sources) == ["outcomes", "schedules", "weather"]


def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(write_project(tmp_path) / "conf/base/sources/planes.yml")
    assert only_issue(tmp_path).got == "neither a file nor a link to one"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_project(tmp_path)
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "project.yml":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    issue = only_issue(root)
    assert (issue.file, issue.got) == ("conf/base/project.yml", "Permission denied")
    assert issue.remedy == "check its permissions"


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"conf/base/project.yml": PROJECT + "# x\n" * (MAX_BYTES // 4)})
    assert only_issue(root).allowed == f"at most {MAX_BYTES} bytes"


def test_aliases_that_multiply_are_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    root = write_project(tmp_path, {"conf/base/sources/planes.yml": "source: planes\n" + "\n".join(lines)})
    started = time.monotonic()
    with pytest.raises(ConfigError) as raised:
        load_config(root)
    assert time.monotonic() - started < 30
    assert sum(issue.got == "values without end" for issue in raised.value.issues) == 1


@pytest.mark.parametrize("name", ["planes.ymal", "planes.yaml.", "planes.ymll", "planes.YML", "planes.yaml"])
def test_a_slip_in_the_ending_of_a_name_is_told(tmp_path: Path, name: str) -> None:
    write_project(tmp_path, {f"conf/base/sources/{name}": FILES["conf/base/sources/weather.yml"]})
    if name.endswith("."):
        load_config(tmp_path)  # no ending at all: not taken for configuration
    else:
        assert "rename it to planes.yml" in only_issue(tmp_path).remedy


@pytest.mark.parametrize("name", ["planes.yml~", "planes.yml.bak", "README.md", "planes.json", ".planes.yml.swp"])
def test_other_files_are_left_alone(tmp_path: Path, name: str) -> None:
    load_config(write_project(tmp_path, {f"conf/base/sources/{name}": "x: ["}))


def test_a_project_without_a_source_is_told(tmp_path: Path) -> None:
    root = write_project(tmp_path, dict.fromkeys([file for file in FILES if not file.endswith("project.yml")]))
    issue = only_issue(root)
    assert (issue.file, issue.got) == ("conf/base/sources", "no source")
