"""What can go wrong while the environment is made, told so that a person can mend it. For any Python from 3.7 on."""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOM_MIB = 1600  # what a finished .venv holds
AGAIN = "call make again: it carries on where it stopped"
UNREACHED = (
    "Retrying (Retry(",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "name resolution",
    "SSLError",
    "Connection aborted",
)


class SetupProblem(Exception):  # noqa: N818 - what a person is told, not a fault of the code
    """Something a person has to mend.

    Args:
        what: What could not be done.
        found: What was found, a line each.
        remedy: What to do.
    """

    def __init__(self, what: str, found: Iterable[str], remedy: str) -> None:
        super().__init__(what, found, remedy)
        self.what, self.found, self.remedy = what, tuple(found), remedy

    def __str__(self) -> str:
        return "\n".join([f"set-up: {self.what}", *(f"  - {line}" for line in self.found), f"  remedy: {self.remedy}"])


def explain_os_error(failure: OSError, folder: Path) -> SetupProblem:
    """Say what an error of the file system means for the set-up.

    Args:
        failure: The error.
        folder: Where it was met, when the error does not say.

    Returns:
        The problem with its remedy.
    """
    place = failure.filename or folder
    found = f"{place}: {failure.strerror or failure}"
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return explain_full_disk(folder, found)
    if failure.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        remedy = f"clone into a folder of your own, or mend the permissions of {folder}; then {AGAIN}"
        return SetupProblem("cannot write here", [found], remedy)
    return SetupProblem("the file system refused", [found], AGAIN)


def explain_full_disk(folder: Path, found: str) -> SetupProblem:
    """Say how much room there is where it is needed."""
    rooms = [f"{each}: {free_mib(each)} MiB are free" for each in (folder, Path(tempfile.gettempdir()))]
    remedy = f"make room: .venv holds {ROOM_MIB} MiB (TMPDIR=FOLDER moves the temporary files); then {AGAIN}"
    return SetupProblem("the disk is full", [found, *rooms], remedy)


def free_mib(folder: Path) -> int:
    """Tell the free room of the disk that holds a folder, MiB."""
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(str(folder)).free // 2**20


def explain_pip(said: list[str], venv: Path, log: Path) -> SetupProblem:
    """Say why pip failed.

    Args:
        said: The last lines of pip.
        venv: The environment.
        log: Where all its lines are.

    Returns:
        The problem with its remedy.
    """
    text = "\n".join(said)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return explain_full_disk(venv, "pip could not write")
    if "Permission denied" in text or "Read-only file system" in text:
        lines = [line for line in said if "Permission denied" in line or "Read-only file system" in line][-1:]
        return SetupProblem("pip cannot write", lines, f"mend the permissions of {venv}; then {AGAIN}")
    errors = [hide_secrets(line) for line in said if line.startswith("ERROR:")][-3:]
    if any(sign in text for sign in UNREACHED):
        return SetupProblem(
            "the package index cannot be reached",
            errors,
            f"check the network, a proxy (HTTPS_PROXY) and the index pip is told of (pip config list); then {AGAIN}",
        )
    if "(from versions:" in text:
        remedy = f"check which index pip is told of (pip config list) and whether it is complete; then {AGAIN}"
        return SetupProblem("the package index lacks a package for this machine", errors, remedy)
    found = errors or [hide_secrets(line) for line in said[-3:]]
    return SetupProblem("the packages could not be installed", found, f"all that pip said is in {log}; then {AGAIN}")


def hide_secrets(line: str) -> str:
    """Hide a name and password inside an address.

    >>> hide_secrets("Looking in https://me:secret@index.example/simple")
    'Looking in https://***@index.example/simple'
    """
    return re.sub(r"//[^/@\s]+@", "//***@", line)


def told(message: str) -> SetupProblem:
    """Pass on an error that lakeloop has told in the same form."""
    lines = message.strip().splitlines() or ["no message"]
    found = [line[4:] for line in lines if line.startswith("  - ")] or lines[-3:]
    remedies = [line.split(": ", 1)[1] for line in lines if line.startswith("  remedy: ")]
    remedy = remedies[0].replace(", then repeat", "") if remedies else "see above"
    return SetupProblem(lines[0] if remedies else "a step failed", found, f"{remedy}; {AGAIN}")
