"""Python, Java, Spark, Delta: what the doctor says of each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.java import Java, JavaOrigin
from lakeloop.runs.doctor import software
from lakeloop.statuses import CheckStatus


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYSPARK_PYTHON", "SPARK_HOME", "SPARK_REMOTE"):
        monkeypatch.delenv(name, raising=False)


def test_this_python_serves_and_a_worker_s_of_another_version_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert software.check_python().status is CheckStatus.OK
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    assert software.check_python().status is CheckStatus.OK
    other = tmp_path / "python"
    other.write_text("#!/bin/sh\necho 3.9\n")
    other.chmod(0o755)
    for given, said in ((str(other), "is 3.9"), ("/no/such/python", "is not to be started")):
        monkeypatch.setenv("PYSPARK_PYTHON", given)
        finding = software.check_python()
        assert finding.status is CheckStatus.FAIL
        assert finding.found.endswith(f"PYSPARK_PYTHON={given} {said}")


@pytest.mark.parametrize(
    ("java", "status"),
    [
        (Java(Path("/jvm"), "17.0.15", JavaOrigin.PATH), CheckStatus.OK),
        (Java(Path("/jvm"), "17.0.15", JavaOrigin.PATH, (Failure("JAVA_HOME", "gone"),)), CheckStatus.WARN),
        (Java(Path("/jvm"), "17.0.9", JavaOrigin.PYTHON_INDEX, (Failure("PATH", "no java"),)), CheckStatus.OK),
        (Java(Path("/jvm"), "23.0.1", JavaOrigin.JAVA_HOME), CheckStatus.WARN),
    ],
)
def test_java_is_told_with_its_version_and_origin(
    monkeypatch: pytest.MonkeyPatch, java: Java, status: CheckStatus
) -> None:
    monkeypatch.setattr(software, "find_java", lambda: java)
    finding = software.check_java()
    assert finding.status is status
    assert finding.found.startswith(f"{java.version} at /jvm ({java.origin})")
    assert bool(finding.remedy) is (status is CheckStatus.WARN)


def test_no_java_fails_with_every_place_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none() -> Java:
        raise EnvironmentProblemError("Java", [Failure("PATH", "no java"), Failure("Python index", "none")], "install")

    monkeypatch.setattr(software, "find_java", find_none)
    finding = software.check_java()
    assert (finding.status, finding.found, finding.remedy) == (
        CheckStatus.FAIL,
        "PATH: no java; Python index: none",
        "install",
    )


def test_over_connect_java_and_jars_are_the_server_s_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://somewhere")
    assert [software.check_java().status, software.check_jars().status] == [CheckStatus.NOT_CHECKED] * 2


@pytest.mark.parametrize(
    ("spark", "delta", "status"),
    [("4.2.0", "4.4.0", CheckStatus.OK), ("3.5.1", "4.4.0", CheckStatus.FAIL), ("4.2.0", "3.2.0", CheckStatus.FAIL)],
)
def test_versions_outside_what_the_packages_take_fail(
    monkeypatch: pytest.MonkeyPatch, spark: str, delta: str, status: CheckStatus
) -> None:
    monkeypatch.setattr(software, "version", {"pyspark": spark, "delta-spark": delta}.__getitem__)
    declared = {"delta-spark": ["pyspark<=4.2.0,>=4.0.1"], "lakeloop": ["delta-spark<4.4.1,>=4.0 ; extra == 'local'"]}
    monkeypatch.setattr(software, "requires", declared.__getitem__)
    assert software.check_spark_and_delta().status is status


def test_a_spark_home_of_another_version_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "RELEASE").write_text("Spark 3.5.1 (git revision abc) built for Hadoop 3.3.4\n")
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    finding = software.check_spark_and_delta()
    assert finding.status is CheckStatus.FAIL
    assert finding.found.endswith(f"but SPARK_HOME={tmp_path} holds Spark 3.5.1")


def test_missing_jars_warn_and_jars_of_another_version_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.setattr(software, "package_coordinates", lambda: "io.delta:delta-spark_4.2_2.13:4.4.0")
    assert software.check_jars().status is CheckStatus.WARN
    whole = b"PK\x05\x06" + bytes(18)  # an empty archive
    (tmp_path / "jars").mkdir()
    for version, status in (("4.0.0", CheckStatus.FAIL), ("4.4.0", CheckStatus.OK)):
        for name in ("spark_4.2_2.13", "storage"):
            (tmp_path / "jars" / f"io.delta_delta-{name}-{version}.jar").write_bytes(whole)
        assert software.check_jars().status is status
    for jar in (tmp_path / "jars").iterdir():
        jar.write_bytes(b"PK\x03\x04 cut off")
    assert software.check_jars().status is CheckStatus.WARN
