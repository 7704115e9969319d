"""Makes the environment in .venv: the packages of requirements.lock, a Java where there is none, the Delta jars.

`make` calls it, with any Python from 3.7 on and nothing installed. A call that finds all in place changes nothing; one
that was cut off is carried on by the next.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path

from deploy.problems import (
    AGAIN,
    ROOM_MIB,
    SetupProblem,
    explain_full_disk,
    explain_os_error,
    explain_pip,
    free_mib,
    told,
)

WANTED = ((3, 11), (3, 12))
ASK_PYTHON = "import sys; print(sys.version_info[0], sys.version_info[1])"
ASK_VENV = "import ensurepip, venv"


# --- Python and .venv -------------------------------------------------------------------------------------------------


def find_python(named: str, venv: Path) -> str:
    """Find a Python that can make the environment.

    Args:
        named: The one that a person named; empty for any on the PATH.
        venv: The environment, whose own Python cannot make it.

    Returns:
        Its path.

    Raises:
        SetupProblem: If there is none: of another version, or without venv.
    """
    found = []
    for each in [named] if named else ["python3.12", "python3.11", "python3", "python"]:
        path = shutil.which(each)
        if path is None or Path(path).parent == venv / "bin":
            if named:
                found.append(f"{named}: not there")
            continue
        version = ask(path, ASK_PYTHON).split()
        if not version:
            found.append(f"{path}: does not start")
        elif tuple(map(int, version)) not in WANTED:
            found.append(f"{path}: is Python {'.'.join(version)}")
        elif ask(path, f"{ASK_VENV}; print(1)") != "1":
            found.append(f"{path}: lacks venv (Debian, Ubuntu: sudo apt-get install python3-venv)")
        else:
            return path
    raise SetupProblem(
        "no Python to make the environment with: 3.11 or 3.12 is needed, with venv",
        found or ["none on the PATH"],
        "Debian 12: sudo apt-get install python3 python3-venv; macOS: brew install python@3.12; "
        "or name one: make setup PYTHON=/path/to/python3.11",
    )


def ask(python: str | Path, code: str) -> str:
    """Let a Python answer; empty when it does not start or fails."""
    try:
        done = subprocess.run([str(python), "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_fault(venv: Path) -> str | None:
    """Tell why an environment that is there cannot be used.

    Args:
        venv: Its folder.

    Returns:
        The reason; None when it can be used.
    """
    python = venv / "bin" / "python"
    version = ask(python, ASK_PYTHON).split()
    if not version:
        return "its Python does not start"
    if tuple(map(int, version)) not in WANTED:
        return f"it is of Python {'.'.join(version)}"
    if not ask(python, "import pip; print(pip.__version__)"):
        ask(python, "import ensurepip; ensurepip.bootstrap()")  # as uv makes them
    if not ask(python, "import pip._internal.cli.main; print(pip.__version__)"):
        return "its pip does not start"
    script = venv / "bin" / "pip"
    if script.is_file() and str(venv).encode() not in script.read_bytes()[:1024]:
        return "it was made in another folder"
    return None


def make_venv(venv: Path, named: str) -> None:
    """Make the environment, unless one that can be used is there."""
    if os.path.lexists(str(venv)):
        fault = find_fault(venv)
        if fault is None:
            return
        python = find_python(named, venv)
        say(f".venv cannot be used ({fault}): making it anew")
        if venv.is_dir() and not venv.is_symlink():
            shutil.rmtree(str(venv))
        else:
            venv.unlink()
    else:
        python = find_python(named, venv)
    if free_mib(venv) < ROOM_MIB:
        raise explain_full_disk(venv.parent, "too little room for .venv")
    say(f"making .venv with {python}")
    command = [python, "-m", "venv", str(venv)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        if "No space left" in done.stdout:
            raise explain_full_disk(venv.parent, "while making .venv")
        lines = done.stdout.strip().splitlines()[-5:]
        raise SetupProblem(f"{python} cannot make .venv", lines, "or name another: make setup PYTHON=/path/to/python")


def remove_leftovers(venv: Path) -> None:
    """Remove what a pip that was cut off left behind: a package without its RECORD is not installed, yet looks so."""
    for site in venv.glob("lib/python*/site-packages"):
        for info in site.glob("*.dist-info"):
            if not (info / "RECORD").is_file():
                shutil.rmtree(str(info))
        for stash in site.glob("~*"):
            shutil.rmtree(str(stash)) if stash.is_dir() else stash.unlink()


# --- packages, Java, jars ---------------------------------------------------------------------------------------------


def install(venv: Path, arguments: list[str], log: Path, lock_file: int | None) -> None:
    """Let pip install, telling what it is at.

    Args:
        venv: The environment.
        arguments: What follows `pip install`.
        log: Gets all that pip says.
        lock_file: Descriptor of the lock, held by pip too, should it outlive this process.

    Raises:
        SetupProblem: If pip fails.
    """
    command = [str(venv / "bin" / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    last = deque(maxlen=200)
    with log.open("a", encoding="utf-8") as kept, Moving() as show:
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            errors="replace",
            pass_fds=() if lock_file is None else (lock_file,),
        )
        try:
            for line in process.stdout:
                kept.write(line)
                last.append(line.rstrip())
                show(line)
        finally:
            code = process.wait()
    if code != 0:
        raise explain_pip(list(last), venv, log)


def provide_java(venv: Path, log: Path, lock_file: int | None) -> None:
    """Install the Java of the Python index into .venv, where the machine has none that serves."""
    command = [str(venv / "bin" / "python"), "-m", "lakeloop.java"]
    if run(command).returncode == 0:
        return
    reasons = [line.strip(" -") for line in run(command).stdout.splitlines() if line.startswith("  - ")]
    say(f"no Java of this machine serves ({'; '.join(reasons[:-1])}): installing one into .venv, for lakeloop alone")
    try:
        install(venv, ["--constraint", "requirements.lock", "lakeloop[jre]"], log, lock_file)
    except SetupProblem as problem:
        mend = (
            "or install Java 17 (Debian: sudo apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17)"
        )
        raise SetupProblem(f"no Java: {problem.what}", problem.found, f"{problem.remedy}; {mend}") from problem
    done = run(command)
    if done.returncode != 0:
        raise told(done.stdout)


def fetch_jars(venv: Path) -> None:
    """Put the Delta jars beside Spark's own."""
    done = run([str(venv / "bin" / "python"), "-m", "lakeloop.delta_jars"])
    if done.returncode != 0:
        raise told(done.stdout)


def run(command: list[str]) -> subprocess.CompletedProcess:
    """Run a command; both its outputs are read as one."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


# --- the whole --------------------------------------------------------------------------------------------------------


class Moving:
    """Tells what pip is at: one moving line on a terminal, a line for each stage elsewhere."""

    def __enter__(self):
        self._terminal, self._count, self._stage = sys.stdout.isatty(), 0, ""
        return self.show

    def __exit__(self, *_):
        if self._terminal:
            sys.stdout.write("\r\033[K")

    def show(self, line: str) -> None:
        """Read one line of pip."""
        words = line.split()
        stage = ""
        if line.startswith("Collecting") and len(words) > 1:
            self._count += 1
            stage, text = "fetching", f"fetching {words[1]} ({self._count})"
        elif line.lstrip().startswith("Building wheel") and len(words) > 3:
            stage = text = f"building {words[3]}"
        elif line.startswith("Installing collected packages"):
            stage = text = "writing the packages"
        if stage and self._terminal:
            sys.stdout.write(f"\r\033[K  {text}")
        elif stage and stage != self._stage:
            say(f"  {stage}")
        self._stage = stage or self._stage
        sys.stdout.flush()


def say(line: str) -> None:
    """Tell a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def alone(path: Path):
    """Wait until no other set-up works in this clone; gives the lock's descriptor, None where there are no locks."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work in this clone: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            yield None
            return
        yield lock.fileno()


def set_up(root: Path, named: str, *, with_spark: bool) -> None:
    """Make the environment of a clone.

    Args:
        root: The clone.
        named: The Python to make it with; empty for any that fits.
        with_spark: Whether Java and the Delta jars are wanted too.

    Raises:
        SetupProblem: If a person has to mend something.
    """
    venv, stamp, log = root / ".venv", root / ".venv" / ".ready", root / "build" / "setup.log"
    log.parent.mkdir(exist_ok=True)
    with alone(root / "build" / "setup.lock") as lock_file:
        inputs = b"".join((root / name).read_bytes() for name in ("requirements.lock", "pyproject.toml"))
        wanted = {"inputs": hashlib.sha256(inputs).hexdigest(), "place": str(venv)}
        made = read_stamp(stamp)
        if made != wanted or not ask(venv / "bin" / "python", "print(1)"):
            log.write_text("", encoding="utf-8")
            make_venv(venv, named)
            with contextlib.suppress(FileNotFoundError):
                stamp.unlink()
            remove_leftovers(venv)
            say(f"installing the packages of requirements.lock into .venv ({ROOM_MIB} MiB, some minutes)")
            install(venv, ["--requirement", "requirements.lock"], log, lock_file)
            install(venv, ["--quiet", "--no-deps", "--editable", "."], log, lock_file)
            stamp.write_text(json.dumps(wanted), encoding="utf-8")
        if with_spark:
            provide_java(venv, log, lock_file)
            fetch_jars(venv)


def read_stamp(stamp: Path) -> object:
    """Read what was finished; None when nothing was."""
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def main(arguments: list[str] | None = None) -> int:
    """Make the environment and tell a person what is wrong.

    Args:
        arguments: What follows the program's name; what the process was given without it.

    Returns:
        Exit code: 0, 1 for a problem, 130 after an interrupt.
    """
    parser = argparse.ArgumentParser(description="Make the environment in .venv.")
    parser.add_argument("--python", default="", help="the Python to make it with")
    parser.add_argument("--without-spark", action="store_true", help="neither Java nor the Delta jars")
    given = parser.parse_args(arguments)
    root = Path(os.path.realpath(__file__)).parents[1]
    os.chdir(str(root))
    try:
        set_up(root, given.python, with_spark=not given.without_spark)
    except SetupProblem as problem:
        sys.stderr.write(f"{problem}\n")
    except OSError as failure:
        sys.stderr.write(f"{explain_os_error(failure, root)}\n")
    except KeyboardInterrupt:
        sys.stderr.write(f"\ninterrupted; {AGAIN}\n")
        return 130
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
