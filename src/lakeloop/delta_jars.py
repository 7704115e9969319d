"""The two Delta jars: fetched once by Spark's own resolver and put beside Spark's jars.

Beside Spark's jars they serve `python`, `spark-submit`, a cluster and a Connect server alike, and nothing is resolved
at later starts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lakeloop.errors import EnvironmentProblemError, Failure

EXCLUDES = (
    "io.delta:delta-kernel-api",
    "io.delta:delta-kernel-defaults",
    "io.delta:delta-kernel-unitycatalog",
    "io.unitycatalog:unitycatalog-client",
    "io.unitycatalog:unitycatalog-hadoop",
)
"""What delta-spark pulls in and this project does not use: 31 of 33 jars."""


def package_coordinates() -> str:
    """Name the Maven coordinates of Delta for the installed Spark.

    Returns:
        `group:artifact:version`; from Delta 4.1 on the artifact also names the Spark version.

    Raises:
        EnvironmentProblemError: If pyspark or delta-spark is not installed.
    """
    try:
        spark, delta = version("pyspark"), version("delta-spark")
    except PackageNotFoundError as missing:
        raise EnvironmentProblemError(
            "Delta jars", [Failure(str(missing.name), "not installed")], "pip install 'lakeloop[local]'"
        ) from missing
    spark_minor = ".".join(spark.split(".")[:2])
    artifact = "delta-spark_2.13" if delta.startswith("4.0") else f"delta-spark_{spark_minor}_2.13"
    return f"io.delta:{artifact}:{delta}"


def spark_home() -> Path:
    """Find the folder of the Spark that a new session would start.

    Returns:
        `SPARK_HOME`, or the folder of the installed pyspark.
    """
    if "SPARK_HOME" in os.environ:
        return Path(os.environ["SPARK_HOME"])
    import pyspark

    return Path(pyspark.__file__).parent


def installed_jars(home: Path) -> list[Path]:
    """List the Delta jars beside Spark's own.

    Args:
        home: Spark's folder.

    Returns:
        Paths of `delta-spark*` and `delta-storage*`, sorted.
    """
    folder = home / "jars"
    return sorted(p for prefix in ("delta-spark", "delta-storage") for p in folder.glob(f"*{prefix}*.jar"))


def fetch_jars() -> list[Path]:
    """Fetch the Delta jars and put them beside Spark's own; nothing is done when they are there.

    Returns:
        Paths of the jars.

    Raises:
        EnvironmentProblemError: If Spark's resolver fails: no Java, or no way to Maven Central.
    """
    home = spark_home()
    present = installed_jars(home)
    if len(present) >= 2:
        return present
    coordinates = package_coordinates()
    with tempfile.TemporaryDirectory(prefix="lakeloop-jars-") as scratch:
        script = Path(scratch) / "resolve.py"
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
        resolved = sorted((Path(scratch) / "ivy" / "jars").glob("io.delta_*.jar"))
        if done.returncode != 0 or len(resolved) < 2:
            tail = (done.stderr or done.stdout).strip().splitlines()[-8:]
            raise EnvironmentProblemError(
                "Delta jars",
                [Failure("spark-submit --packages " + coordinates, line) for line in tail],
                "check that Java 17 is on the PATH (java -version) and that Maven Central can be reached, then repeat",
            )
        for jar in resolved:
            partial = home / "jars" / f".{jar.name}.part"
            shutil.copyfile(jar, partial)
            partial.replace(home / "jars" / jar.name)
    return installed_jars(home)


if __name__ == "__main__":
    from lakeloop.errors import LakeloopError

    try:
        for path in fetch_jars():
            sys.stdout.write(f"{path}\n")
    except LakeloopError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
