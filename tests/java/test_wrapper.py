"""What the wrapper passes on to the runtime, by running it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lakeloop.java.wrapper import wrap_runtime
from tests.java.fake_java import write_java

TELL = 'for each; do printf "<%s>\\n" "$each"; done'


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("lakeloop.java.wrapper.machine_certificates", tuple)
    return write_java(tmp_path / "a 'quoted' runtime", answer=TELL)


def arguments(home: Path, *given: str, **environment: str) -> list[str]:
    plain = {name: value for name, value in os.environ.items() if name != "JAVA_TOOL_OPTIONS"}
    command = [str(home / "bin" / "java"), *given]
    return subprocess.check_output(command, text=True, env={**plain, **environment}).splitlines()


def test_only_the_module_the_runtime_lacks_is_dropped(runtime: Path, tmp_path: Path) -> None:
    home = wrap_runtime(runtime, tmp_path / "a home")
    given = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "-cp", "/a b/*", "", "Main", "it's", "--add-modules=other"]
    assert arguments(home, *given) == [f"<{each}>" for each in given if each != "--add-modules=jdk.incubator.vector"]
    assert arguments(home) == []


def test_a_wrapper_that_is_as_it_should_be_is_left_alone(runtime: Path, tmp_path: Path) -> None:
    java = wrap_runtime(runtime, tmp_path / "home") / "bin" / "java"
    os.utime(java, (1, 1))
    wrap_runtime(runtime, tmp_path / "home")
    assert java.stat().st_mtime == 1
    java.chmod(0o644)
    wrap_runtime(runtime, tmp_path / "home")
    assert os.access(java, os.X_OK)
    assert [path.name for path in java.parent.iterdir()] == ["java"]


def test_run_bits_the_installer_dropped_are_set(runtime: Path, tmp_path: Path) -> None:
    helper = runtime / "lib" / "jspawnhelper"
    helper.parent.mkdir()
    helper.write_text("")
    helper.chmod(0o644)
    wrap_runtime(runtime, tmp_path / "home")
    assert helper.stat().st_mode & 0o777 == 0o755


def test_the_machine_s_certificates_are_trusted_unless_a_person_says_otherwise(
    runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeloop.java.wrapper.machine_certificates", lambda: (b"company",))
    monkeypatch.setattr("lakeloop.java.wrapper.runtime_certificates", lambda _: (b"own",))
    home = wrap_runtime(runtime, tmp_path / "a home")
    (store,) = home.glob("trusted-*.jks")
    assert b"own" in store.read_bytes()
    assert b"company" in store.read_bytes()
    assert arguments(home, "Main") == [f"<-Djavax.net.ssl.trustStore={store}>", "<Main>"]
    own = "-Djavax.net.ssl.trustStore=/own"
    assert arguments(home, own) == [f"<{own}>"]
    assert arguments(home, "Main", JAVA_TOOL_OPTIONS=own) == ["<Main>"]
