"""The two Delta jars: fetched once by Spark's own resolver and put beside Spark's jars.

Beside Spark's jars they serve `python`, `spark-submit`, a cluster and a Connect server alike, and nothing is resolved
at later starts.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from lakeloop.errors import EnvironmentProblemError, Failure
from lakeloop.java import use_java

EXCLUDES = (
    "io.delta:delta-kernel-api",
    "io.delta:delta-kernel-defaults",
    "io.delta:delta-kernel-unitycatalog",
    "io.unitycatalog:unitycatalog-client",
    "io.unitycatalog:unitycatalog-hadoop",
)
"""What delta-spark pulls in and this project does not use: 31 of 33 jars."""

_UNREACHED = ("UnknownHostException", "Server access error", "timed out", "Connection refused", "No network interfaces")
_INSTALL = "pip install 'lakeloop[local]'"


def package_coordinates() -> str:
    """Name the Maven coordinates of Delta for the installed Spark.

    Returns:
        `group:artifact:version`; from Delta 4.1 on the artifact also names the Spark version.

    Raises:
        EnvironmentProblemError: If pyspark or delta-spark is not installed.

    >>> group, artifact, release = package_coordinates().split(":")
    >>> group, artifact.startswith("delta-spark_"), release == version("delta-spark")
    ('io.delta', True, True)
    """
    try:
        spark, delta = version("pyspark"), version("delta-spark")
    except PackageNotFoundError as missing:
        raise EnvironmentProblemError(
            "Delta jars", [Failure(str(missing.name), "not installed")], _INSTALL
        ) from missing
    spark_minor = ".".join(spark.split(".")[:2])
    artifact = "delta-spark_2.13" if delta.startswith("4.0") else f"delta-spark_{spark_minor}_2.13"
    return f"io.delta:{artifact}:{delta}"


def spark_home() -> Path:
    """Find the folder of the Spark that a new session would start.

    Returns:
        `SPARK_HOME`, or the folder of the installed pyspark.

    Raises:
        EnvironmentProblemError: If pyspark is not installed.

    >>> (spark_home() / "bin" / "spark-submit").is_file()
    True
    """
    if "SPARK_HOME" in os.environ:
        return Path(os.environ["SPARK_HOME"])
    spec = find_spec("pyspark")  # found, not imported: that takes a second
    if spec is None or spec.origin is None:
        raise EnvironmentProblemError("Spark", [Failure("pyspark", "not installed")], _INSTALL)
    return Path(spec.origin).parent


def installed_jars(home: Path) -> list[Path]:
    """List the Delta jars beside Spark's own that are whole.

    Args:
        home: Spark's folder.

    Returns:
        Paths of `delta-spark*` and `delta-storage*`, sorted; a jar that was cut off is no jar.

    >>> with tempfile.TemporaryDirectory() as home:
    ...     jars = Path(home) / "jars"
    ...     jars.mkdir()
    ...     zipfile.ZipFile(jars / "io.delta_delta-storage-4.0.0.jar", "w").close()
    ...     _ = (jars / "io.delta_delta-spark_2.13-4.0.0.jar").write_bytes(b"cut off")
    ...     [jar.name for jar in installed_jars(Path(home))]
    ['io.delta_delta-storage-4.0.0.jar']
    """
    return [jar for jar in _delta_jars(home) if zipfile.is_zipfile(jar)]


def fitting_jars(home: Path) -> list[Path]:
    """List the whole Delta jars of the version that delta-spark has.

    Args:
        home: Spark's folder.

    Returns:
        Paths, sorted; two when nothing is missing.

    Raises:
        EnvironmentProblemError: If delta-spark is not installed.

    >>> with tempfile.TemporaryDirectory() as home:
    ...     jars = Path(home) / "jars"
    ...     jars.mkdir()
    ...     zipfile.ZipFile(jars / "io.delta_delta-storage-3.0.0.jar", "w").close()
    ...     len(installed_jars(Path(home))), len(fitting_jars(Path(home)))
    (1, 0)
    """
    ending = f"-{package_coordinates().rpartition(':')[2]}.jar"
    return [jar for jar in installed_jars(home) if jar.name.endswith(ending)]


def fetch_jars() -> list[Path]:
    """Fetch the Delta jars and put them beside Spark's own; nothing is done when they are there.

    What an earlier call left there, cut off or of another version, is replaced.

    Returns:
        Paths of the jars.

    Raises:
        EnvironmentProblemError: If Java is missing, Maven Central is out of reach, the disk is full or Spark's folder
            cannot be written.

    >>> fetch_jars() == fitting_jars(spark_home())
    True
    """
    home = spark_home()
    present = fitting_jars(home)
    if len(present) >= 2:
        return present
    coordinates = package_coordinates()
    use_java()
    try:
        with tempfile.TemporaryDirectory(prefix="lakeloop-jars-") as scratch:
            resolved = _resolve(home, coordinates, Path(scratch))
            _replace_jars(home, resolved)
    except OSError as failure:
        free = shutil.disk_usage(home).free // 2**20
        raise EnvironmentProblemError(
            "Delta jars",
            [Failure(str(failure.filename or home / "jars"), failure.strerror or str(failure))],
            f"make room ({free} MiB are free where Spark is) or make {home / 'jars'} writable, then repeat",
        ) from failure
    return fitting_jars(home)


def _delta_jars(home: Path) -> list[Path]:
    return sorted(p for prefix in ("delta-spark", "delta-storage") for p in (home / "jars").glob(f"*{prefix}*.jar"))


def _resolve(home: Path, coordinates: str, scratch: Path) -> list[Path]:
    """Let Spark's resolver fetch the jars into a scratch folder."""
    script = scratch / "resolve.py"
    script.write_text("", encoding="utf-8")
    command = [
        str(home / "bin" / "spark-submit"),
        "--packages",
        coordinates,
        "--exclude-packages",
        ",".join(EXCLUDES),
        "--conf",
        f"spark.jars.ivy={scratch}/ivy",
        "--master",
        "local[1]",
        str(script),
    ]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    resolved = sorted((scratch / "ivy" / "jars").glob("io.delta_*.jar"))
    if done.returncode != 0 or len(resolved) < 2:
        raise EnvironmentProblemError("Delta jars", *_explain(coordinates, done.stderr or done.stdout))
    return resolved


def _explain(coordinates: str, said: str) -> tuple[list[Failure], str]:
    """Say why Spark's resolver failed: what was found, and the remedy."""
    if "No space left on device" in said:
        return [Failure("disk", f"full while fetching {coordinates}")], "make room, then repeat"
    if "PKIX path building failed" in said:
        remedy = "have it trust the network's certificates: JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=FILE"
        return [Failure(coordinates, "Java does not trust the certificate it is shown")], f"{remedy}, then repeat"
    unknown_hosts = set(re.findall(r"Host (\S+) not found", said))  # one is no sign: a second place is always asked
    if len(unknown_hosts) > 1 or any(sign in said for sign in _UNREACHED):
        found = Failure(coordinates, "Maven Central cannot be reached")
        return [found], "check the network and a proxy (JAVA_TOOL_OPTIONS=-Dhttps.proxyHost=...), then repeat"
    if "unresolved dependency" in said:
        remedy = "check that Maven Central can be reached and has this version, then repeat"
        return [Failure(coordinates, "not found")], remedy
    lines = [line for line in said.splitlines() if "Exception" in line or "Error" in line][:8]
    lines = lines or said.strip().splitlines()[-8:]
    remedy = "check that Java starts (`lakeloop doctor`) and that Maven Central can be reached, then repeat"
    return [Failure("spark-submit --packages " + coordinates, line) for line in lines], remedy


def _replace_jars(home: Path, resolved: list[Path]) -> None:
    folder = home / "jars"
    for earlier in (*folder.glob("io.delta_*.jar"), *folder.glob(".io.delta_*.jar.part")):
        earlier.unlink()
    for jar in resolved:
        partial = folder / f".{jar.name}.part"
        shutil.copyfile(jar, partial)
        partial.replace(folder / jar.name)


if __name__ == "__main__":
    from lakeloop.errors import LakeloopError

    try:
        for path in fetch_jars():
            sys.stdout.write(f"{path}\n")
    except LakeloopError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
