"""Python, Java, Spark and Delta: there, and fit for one another."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from lakeloop.delta_jars import fitting_jars, installed_jars, package_coordinates, spark_home
from lakeloop.errors import EnvironmentProblemError
from lakeloop.java import TRIED, JavaOrigin, find_java
from lakeloop.runs.doctor.finding import Finding, fail, not_checked, ok, warn

_CONNECT = "SPARK_REMOTE is set: the matter of the server it names"
_INSTALL = "`make setup` in a clone, pip install 'lakeloop[local]' elsewhere"


def check_python() -> Finding:
    """Check this Python, and the one Spark's workers are told to use.

    Returns:
        FAIL when either is of a version lakeloop does not run on, or the two differ.

    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, PYSPARK_PYTHON="/no/such/python"):
    ...     finding = check_python()
    >>> finding.status.value, finding.found.partition(", but ")[2]
    ('FAIL', 'PYSPARK_PYTHON=/no/such/python is not to be started')
    """
    own = ".".join(map(str, sys.version_info[:3]))
    wanted = metadata("lakeloop")["Requires-Python"]
    if own not in SpecifierSet(wanted):
        return fail(
            "Python", f"{own} at {sys.executable}; {wanted} is needed", "make the environment with such a Python"
        )
    workers = os.environ.get("PYSPARK_PYTHON")
    if workers is None:
        return ok("Python", f"{own} at {sys.executable}")
    code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    try:
        done = subprocess.run([workers, "-c", code], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
        theirs = done.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        theirs = ""
    if theirs != ".".join(map(str, sys.version_info[:2])):
        found = f"{own}, but PYSPARK_PYTHON={workers} is {theirs or 'not to be started'}"
        return fail("Python", found, f"unset PYSPARK_PYTHON, or set it to {sys.executable}")
    return ok("Python", f"{own} at {sys.executable}, for Spark's workers {workers}")


def check_java() -> Finding:
    """Check that there is a Java that starts Spark.

    Returns:
        WARN for a version Spark was not tried with, and for a `JAVA_HOME` that does not serve.

    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, SPARK_REMOTE="sc://spark:15002"):
    ...     check_java().found
    'SPARK_REMOTE is set: the matter of the server it names'
    """
    if "SPARK_REMOTE" in os.environ:
        return not_checked("Java", _CONNECT)
    try:
        java = find_java()
    except EnvironmentProblemError as error:
        return fail("Java", "; ".join(map(str, error.failures)), error.remedy)
    found = f"{java.version} at {java.home} ({java.origin})"
    for failure in java.passed_over:
        if failure.name == JavaOrigin.JAVA_HOME:
            return warn("Java", f"{found}; JAVA_HOME: {failure.detail}", "unset JAVA_HOME, or name this folder")
    if java.major not in TRIED:
        known = ", ".join(map(str, TRIED))
        return warn("Java", found, f"Spark was run with {known}; should it fail, set JAVA_HOME to one of these")
    return ok("Java", found)


def check_spark_and_delta() -> Finding:
    """Check that the installed Spark and Delta are there and made for each other.

    Returns:
        FAIL when either is missing, outside what the other or lakeloop takes, or `SPARK_HOME` is another Spark.

    >>> finding = check_spark_and_delta()
    >>> finding.status.value, finding.found.startswith("Spark 4")
    ('OK', True)
    """
    try:
        spark, delta = version("pyspark"), version("delta-spark")
    except PackageNotFoundError as missing:
        return fail("Spark, Delta", f"{missing.name} is not installed", _INSTALL)
    found = f"Spark {spark}, Delta {delta}"
    for package in ("delta-spark", "lakeloop"):
        for each in map(Requirement, requires(package) or ()):
            installed = {"pyspark": spark, "delta-spark": delta}.get(each.name)
            if installed is not None and not each.specifier.contains(installed, prereleases=True):
                wanted = f"{package} takes {each.name} {each.specifier}"
                return fail("Spark, Delta", f"{found}; {wanted}", _INSTALL)
    other = _other_spark(spark)
    if other is not None:
        remedy = f"unset SPARK_HOME, or install pyspark and delta-spark for Spark {other}"
        return fail("Spark, Delta", f"{found}, but SPARK_HOME={spark_home()} holds Spark {other}", remedy)
    return ok("Spark, Delta", found)


def check_jars() -> Finding:
    """Check that the Delta jars stand beside Spark's own, whole and of the right version.

    Returns:
        WARN when a local session would have to fetch them at its start; FAIL when others are in their place.

    >>> from unittest import mock
    >>> with mock.patch.dict(os.environ, SPARK_REMOTE="sc://spark:15002"):
    ...     check_jars().status.value
    'NOT_CHECKED'
    """
    if "SPARK_REMOTE" in os.environ:
        return not_checked("Delta jars", _CONNECT)
    try:
        wanted, home = package_coordinates(), spark_home()
        fitting = fitting_jars(home)
    except EnvironmentProblemError:
        return not_checked("Delta jars", "Spark or Delta is not installed")
    if len(fitting) >= 2:
        return ok("Delta jars", f"{wanted}, in {home / 'jars'}")
    fetch = f"{sys.executable} -m lakeloop.delta_jars"
    others = installed_jars(home)
    if len(others) >= 2:
        return fail("Delta jars", f"{', '.join(jar.name for jar in others)} instead of {wanted}", fetch)
    return warn("Delta jars", f"not in {home / 'jars'}: every start of Spark resolves them again", fetch)


def _other_spark(installed: str) -> str | None:
    """Tell the version in SPARK_HOME where it is another minor version than pyspark's."""
    release = spark_home() / "RELEASE"
    if "SPARK_HOME" not in os.environ or not release.is_file():
        return None
    words = release.read_text(encoding="utf-8").split()
    there = words[1] if len(words) > 1 else "unknown"
    return there if there.split(".")[:2] != installed.split(".")[:2] else None
