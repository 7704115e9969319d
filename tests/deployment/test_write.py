"""Writing: the own files are replaced, others and changed ones never without being told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lakeloop.errors import UsageError
from lakeloop.runs.deploy import Deployment, write_deployment


def write(folder: Path, contents: dict[str, str], *, force: bool = False) -> Deployment:
    return write_deployment("airflow", folder, contents, "1.2.3", (), force=force)


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lakeloop-airflow.json"
    }


def test_files_are_written_and_listed(tmp_path: Path) -> None:
    done = write(tmp_path / "new", {"a.yml": "a\n", "in/b.sql": "b\n"})
    assert (done.written, done.unchanged, done.removed) == (("a.yml", "in/b.sql"), (), ())
    assert files_of(tmp_path / "new") == {"a.yml": "a\n", "in/b.sql": "b\n"}
    listed = json.loads((tmp_path / "new/lakeloop-airflow.json").read_text("utf-8"))
    assert (listed["lakeloop"], listed["target"], sorted(listed["files"])) == (
        "1.2.3",
        "airflow",
        ["a.yml", "in/b.sql"],
    )


def test_the_same_again_touches_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a.yml": "a\n"})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = write(tmp_path, {"a.yml": "a\n"})
    assert (again.written, again.unchanged) == ((), ("a.yml",))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_own_files_are_replaced_and_those_that_belong_no_more_are_removed(tmp_path: Path) -> None:
    write(tmp_path, {"a.yml": "a\n", "old.yml": "o\n"})
    done = write(tmp_path, {"a.yml": "another\n"})
    assert (done.written, done.removed) == (("a.yml",), ("old.yml",))
    assert files_of(tmp_path) == {"a.yml": "another\n"}


@pytest.mark.parametrize("wanted", [{"a.yml": "new\n"}, {}], ids=["replaced", "removed"])
def test_a_file_that_a_person_changed_is_kept_until_it_is_given_up(tmp_path: Path, wanted: dict[str, str]) -> None:
    write(tmp_path, {"a.yml": "a\n", "b.yml": "b\n"})
    (tmp_path / "a.yml").write_text("mine\n")
    with pytest.raises(UsageError) as raised:
        write(tmp_path, {"b.yml": "new\n", **wanted})
    assert "a.yml (changed since)" in str(raised.value)
    assert "give them up with --force; nothing was written" in str(raised.value)
    assert files_of(tmp_path) == {"a.yml": "mine\n", "b.yml": "b\n"}
    write(tmp_path, {"b.yml": "new\n", **wanted}, force=True)
    assert files_of(tmp_path) == {"b.yml": "new\n", **wanted}


def test_a_file_that_lakeloop_did_not_write_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("mine\n")
    (tmp_path / "other.yml").write_text("other\n")
    with pytest.raises(UsageError, match=r"a\.yml \(not written by lakeloop\)"):
        write(tmp_path, {"a.yml": "a\n"})
    write(tmp_path, {"a.yml": "a\n"}, force=True)
    assert files_of(tmp_path) == {"a.yml": "a\n", "other.yml": "other\n"}  # what is not in the way stays


def test_a_change_that_is_what_is_wanted_is_no_loss(tmp_path: Path) -> None:
    """So a call that was cut off before it had listed its files is carried on."""
    write(tmp_path, {"a.yml": "a\n"})
    (tmp_path / "a.yml").write_text("new\n")
    done = write(tmp_path, {"a.yml": "new\n"})
    assert (done.written, done.unchanged) == ((), ("a.yml",))


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("a\n")
    folder = tmp_path / "to"
    folder.mkdir()
    (folder / "a.yml").symlink_to(elsewhere)
    with pytest.raises(UsageError, match=r"a\.yml"):
        write(folder, {"a.yml": "a\n"})
    write(folder, {"a.yml": "new\n"}, force=True)
    assert (elsewhere.read_text(), (folder / "a.yml").is_symlink()) == ("a\n", False)


@pytest.mark.parametrize("listed", ["../out.yml", "/nowhere/at/all", "not json"])
def test_a_list_that_somebody_wrote_removes_nothing_elsewhere(tmp_path: Path, listed: str) -> None:
    outside = tmp_path / "out.yml"
    outside.write_text("keep\n")
    folder = tmp_path / "to"
    folder.mkdir()
    text = json.dumps({"files": {listed: "x"}}) if listed != "not json" else listed
    (folder / "lakeloop-airflow.json").write_text(text)
    assert write(folder, {"a.yml": "a\n"}).removed == ()
    assert outside.read_text() == "keep\n"
