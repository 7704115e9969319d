"""The Delta jars: what counts as there, what is replaced, and what is said when they cannot be fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeloop import delta_jars
from lakeloop.errors import EnvironmentProblemError

WHOLE = b"PK\x05\x06" + bytes(18)  # an empty archive
NAMES = ("io.delta_delta-spark_4.2_2.13", "io.delta_delta-storage")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Spark without Delta jars, and a resolver that writes its answer to a file."""
    (tmp_path / "jars").mkdir()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.setattr(delta_jars, "package_coordinates", lambda: "io.delta:delta-spark_4.2_2.13:4.4.0")
    monkeypatch.setattr(delta_jars, "use_java", lambda: None)
    return tmp_path


def write_resolver(home: Path, script: str) -> None:
    (home / "bin").mkdir()
    (home / "bin" / "spark-submit").write_text(f"#!/bin/sh\n{script}\n")
    (home / "bin" / "spark-submit").chmod(0o755)


def put(folder: Path, version: str, content: bytes) -> None:
    for name in NAMES:
        (folder / f"{name}-{version}.jar").write_bytes(content)


def test_jars_that_are_there_are_not_fetched_again(home: Path) -> None:
    put(home / "jars", "4.4.0", WHOLE)
    assert [jar.name for jar in delta_jars.fetch_jars()] == [f"{name}-4.4.0.jar" for name in NAMES]


@pytest.mark.parametrize(("version", "content"), [("4.4.0", b"PK\x03\x04 cut off"), ("4.0.0", WHOLE)])
def test_jars_cut_off_or_of_another_version_are_replaced(home: Path, version: str, content: bytes) -> None:
    put(home / "jars", version, content)
    (home / "jars" / f".{NAMES[0]}-4.4.0.jar.part").write_bytes(b"left behind")
    (home / "jars" / "delta-spark-own.jar").write_bytes(WHOLE)  # put there by somebody else
    (home / "fetched").mkdir()
    put(home / "fetched", "4.4.0", WHOLE)
    write_resolver(
        home,
        'for each; do case "$each" in spark.jars.ivy=*) ivy="${each#*=}";; esac; done\n'
        f'mkdir -p "$ivy"; cp -r {home}/fetched "$ivy/jars"',
    )
    assert len(delta_jars.fetch_jars()) == 2
    left = sorted(path.name for path in (home / "jars").iterdir())
    assert left == ["delta-spark-own.jar", *(f"{name}-4.4.0.jar" for name in NAMES)]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Host a.example not found. url=x\nHost b.example not found. url=y", "Maven Central cannot be reached"),
        ("Host b.example not found. url=y\n[unresolved dependency: io.delta#x;1: not found]", "not found"),
        ("Server access error at url x (java.net.ConnectException)", "Maven Central cannot be reached"),
        ("Server access error at url x (PKIX path building failed)", "Java does not trust the certificate it is shown"),
        ("java.io.IOException: No space left on device", "full while fetching io.delta:delta-spark_4.2_2.13:4.4.0"),
        ("a.b.OddException: why\n\tat a.b.c\n\t... 10 more", "a.b.OddException: why"),
    ],
)
def test_why_they_cannot_be_fetched_is_told(home: Path, said: str, found: str) -> None:
    (home / "said").write_text(said)
    write_resolver(home, f"cat {home}/said >&2; exit 1")
    with pytest.raises(EnvironmentProblemError) as raised:
        delta_jars.fetch_jars()
    assert [each.detail for each in raised.value.failures] == [found]
    assert raised.value.remedy.endswith("then repeat")


def test_a_spark_that_cannot_be_written_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(home / "jars" / "x"))

    monkeypatch.setattr(delta_jars, "_resolve", refuse)
    with pytest.raises(EnvironmentProblemError, match=r"jars/x: Permission denied(.|\n)*make .*/jars writable"):
        delta_jars.fetch_jars()
