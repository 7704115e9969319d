"""The Java process of Spark: what of its start is not worth telling."""

from __future__ import annotations

import os
import threading

import pytest

from lakeloop.java_process import _Output, is_noise


@pytest.mark.parametrize(
    ("line", "noise"),
    [
        ("WARNING: Using incubator modules: jdk.incubator.vector", True),
        ('Setting default log level to "WARN".', True),
        ("To adjust logging level use sc.setLogLevel(newLevel).", True),
        ("WARNING: An illegal access will fail", False),
        ("Error occurred during initialization of VM", False),
        ("OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory failed; error='Cannot allocate memory'", False),
        ("12:00:00 ERROR SparkContext: Error initializing SparkContext.", False),
    ],
)
def test_only_what_every_start_prints_is_noise(line: str, noise: bool) -> None:
    assert is_noise(line) == noise


@pytest.mark.parametrize(("silent", "told"), [(False, "Error: no\n"), (True, "")])
def test_errors_of_java_are_passed_on_until_it_is_ended(
    capsys: pytest.CaptureFixture[str], silent: bool, told: str
) -> None:
    source, sink = os.pipe()
    reader = threading.Thread(target=_Output(source, silent).pass_on)
    reader.start()
    os.write(sink, b"WARNING: Using incubator modules: x\nError: no\n")
    os.close(sink)
    reader.join(timeout=60)
    assert capsys.readouterr().err == told
