from __future__ import annotations

import subprocess
from importlib.metadata import version

import pytest

from lakeloop.runs import environment
from lakeloop.runs.environment import read_code_version, read_environment
from lakeloop.training.environment import CodeVersion, Environment

UNKNOWN = CodeVersion(None, None)


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(folder), *who, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A project in a work tree, committed; the tree holds another folder beside it."""
    root = tmp_path / "tree" / "project"
    (root / "conf").mkdir(parents=True)
    (root / "conf" / "project.yml").write_text("project: shops\n", encoding="utf-8")
    git(tmp_path, "init", "-q", "tree")
    git(root, "add", ".")
    git(root, "commit", "-qm", "Begin")
    return root


def test_a_clean_project_is_its_commit(project):
    found = read_code_version(project, project / "workspace")
    assert found == CodeVersion(git(project, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize(
    ("name", "is_dirty"),
    [
        ("conf/project.yml", True),  # changed
        ("conf/models/late.yml", True),  # new
        ("workspace/gold/table", False),  # written by the project
        ("../elsewhere.txt", False),  # not of this project
    ],
)
def test_what_counts_as_a_change(project, name, is_dirty):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("changed\n", encoding="utf-8")
    assert read_code_version(project, project / "workspace").is_dirty is is_dirty


def test_where_the_workspace_is_the_project_folder_new_files_tell_nothing(project):
    (project / "gold").mkdir()
    (project / "gold" / "table").write_text("rows", encoding="utf-8")
    assert read_code_version(project, project).is_dirty is False
    (project / "conf" / "project.yml").write_text("project: stores\n", encoding="utf-8")
    assert read_code_version(project, project).is_dirty is True


def test_a_work_tree_without_a_commit_is_unknown(tmp_path):
    git(tmp_path, "init", "-q", "tree")
    assert read_code_version(tmp_path / "tree", tmp_path / "tree" / "workspace") == UNKNOWN


def test_without_git_it_is_unknown(project, monkeypatch):
    monkeypatch.setattr(environment.shutil, "which", lambda _: None)
    assert read_code_version(project, project / "workspace") == UNKNOWN


@pytest.mark.parametrize("failure", [OSError("no"), subprocess.TimeoutExpired("git", 10)])
def test_a_git_that_does_not_answer_is_unknown(project, monkeypatch, failure):
    def refuse(*_, **__):
        raise failure

    monkeypatch.setattr(environment.subprocess, "run", refuse)
    assert read_code_version(project, project / "workspace") == UNKNOWN


def test_a_folder_that_is_gone_is_unknown(tmp_path):
    assert read_code_version(tmp_path / "gone", tmp_path / "gone" / "workspace") == UNKNOWN


def test_what_is_not_installed_and_not_needed_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "OPTIONAL_PACKAGES", ("no-such-package", "jinja2"))
    monkeypatch.setattr(environment, "PACKAGES", ("numpy", "no-such-package-either"))
    found = read_environment(tmp_path, tmp_path / "workspace")
    assert found.packages == {
        "numpy": version("numpy"),
        "no-such-package-either": "unknown",
        "jinja2": version("jinja2"),
    }


def test_unknown_is_a_word_and_never_false():
    found = Environment("0.1.0", UNKNOWN, "3.11", "Linux", {})
    assert found.tags == {"git_commit": "unknown", "git_is_dirty": "unknown"}
    assert Environment("0.1.0", CodeVersion("f00d", False), "3.11", "Linux", {}).tags["git_is_dirty"] == "false"
    assert CodeVersion("f00d", None).words == "f00d, changes unknown"
