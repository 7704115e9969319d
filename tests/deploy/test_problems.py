"""What a person is told when pip or the disk fails."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from deploy.problems import AGAIN, explain_os_error, explain_pip, hide_secrets, told

LOG = Path("build/setup.log")
RETRY = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None)) after connection broken by "
    "'NewConnectionError('<pip._vendor.urllib3>: Failed to establish a new connection: [Errno -3] Temporary failure in "
    "name resolution')': /simple/numpy/"
)
NONE_FOUND = "ERROR: Could not find a version that satisfies the requirement numpy==2.0 (from versions: none)"


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ([RETRY, NONE_FOUND], "the package index cannot be reached"),
        ([NONE_FOUND], "the package index lacks a package for this machine"),
        (
            ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"],
            "the disk is full",
        ),
        (["ERROR: [Errno 13] Permission denied: '/opt/x'"], "pip cannot write"),
        (["ERROR: Failed building wheel for pyspark"], "the packages could not be installed"),
        ([], "the packages could not be installed"),
    ],
)
def test_pip_s_failure_is_told_by_its_cause(tmp_path: Path, said: list[str], what: str) -> None:
    problem = explain_pip(said, tmp_path, LOG)
    assert problem.what == what
    assert problem.remedy.endswith(AGAIN)
    assert str(problem).splitlines()[0] == f"set-up: {what}"


def test_no_password_of_an_index_is_shown(tmp_path: Path) -> None:
    line = "ERROR: 401 Client Error for url: https://me:s3cret@index.example/simple/"
    assert "s3cret" not in str(explain_pip([line], tmp_path, LOG))
    assert hide_secrets(line) == "ERROR: 401 Client Error for url: https://***@index.example/simple/"


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "cannot write here"),
        (errno.EROFS, "cannot write here"),
        (errno.ENOTDIR, "cannot write here"),
        (errno.EIO, "the file system refused"),
    ],
)
def test_an_error_of_the_file_system_is_told_by_its_cause(tmp_path: Path, number: int, what: str) -> None:
    problem = explain_os_error(OSError(number, "as the system says it", str(tmp_path / "x")), tmp_path)
    assert problem.what == what
    assert problem.found[0] == f"{tmp_path}/x: as the system says it"


def test_an_error_of_lakeloop_is_passed_on_in_the_same_form() -> None:
    problem = told("Delta jars: the environment is not ready\n  - x: not found\n  remedy: check the network")
    assert str(problem) == (
        f"set-up: Delta jars: the environment is not ready\n  - x: not found\n  remedy: check the network; {AGAIN}"
    )
    assert told("Traceback\n  File x\nKeyError: 1").found == ("Traceback", "  File x", "KeyError: 1")
