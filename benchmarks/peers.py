"""Makes the environments of peers that cannot share the project's: `make bench-peers`.

Each is a folder under `benchmarks/.venvs`, of the packages in `benchmarks/<peer>.txt`. One that was made of the same
list is left alone; a call that was cut off is carried on by the next. Packages come from where pip is told to look.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.sides import FOLDER, VENVS

PEERS = ("feast", "evidently", "nannyml", "whylogs")
_READY = ".ready"


def make_environment(peer: str, requirements: Path, venv: Path) -> bool:
    """Make the environment of a peer, unless it is there.

    Args:
        peer: Its name.
        requirements: List of its packages.
        venv: Where it is made.

    Returns:
        Whether it is there now.
    """
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    ready, python = venv / _READY, venv / "bin" / "python"
    if python.exists() and ready.is_file() and ready.read_text() == wanted:
        return True
    print(f"{peer}: installing the packages of {requirements.name}, some minutes", flush=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    for command in ([sys.executable, "-m", "venv", str(venv)], install):
        if subprocess.run(command, check=False).returncode != 0:
            print(f"{peer}: no environment; remedy: mend what is told above, and call it again")
            return False
    ready.write_text(wanted)
    return True


def main() -> int:
    """Make the environments of all peers; 1 when one could not be made."""
    made = [make_environment(peer, FOLDER / f"{peer}.txt", VENVS / peer) for peer in PEERS]
    return int(not all(made))


if __name__ == "__main__":
    sys.exit(main())
