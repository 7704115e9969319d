"""What a check of Spark may fail with, told as a finding."""

from __future__ import annotations

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

SPARK_FAILURES: tuple[type[Exception], ...] = (PySparkException, Py4JError)
"""Failures of a session; the second of a local one alone, whose Java is gone."""
