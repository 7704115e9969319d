"""What this process runs with: installed packages, interpreter, machine, and the project folder's git work tree."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lakeloop import __version__
from lakeloop.training.environment import UNKNOWN, CodeVersion, Environment

PACKAGES = (
    *("numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "skops", "mlflow", "polars", "deltalake"),
    *("pyspark", "delta-spark"),
)
"""Packages that take part in every training."""

OPTIONAL_PACKAGES = ("lightgbm", "xgboost", "xgboost-cpu", "optuna")
"""Packages that take part where they are installed."""

_PATIENCE_SECONDS = 10


def read_environment(root: Path, workspace: Path) -> Environment:
    """Tell what this process runs with.

    Args:
        root: The project folder.
        workspace: Where the project writes: what is new there is no change of the code.

    Returns:
        The environment.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = read_environment(Path(folder), Path(folder) / "workspace")
    >>> found.code, found.packages["numpy"] == version("numpy")
    (CodeVersion(commit=None, is_dirty=None), True)
    """
    installed = {name: told for name, told in installed_versions(OPTIONAL_PACKAGES).items() if told != UNKNOWN}
    return Environment(
        lakeloop=__version__,
        code=read_code_version(root, workspace),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages=installed_versions(PACKAGES) | installed,
    )


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Tell the versions of packages.

    Args:
        names: Packages.

    Returns:
        Package -> its version; `unknown` where it is no installed package, as a cluster's own Spark may be.

    >>> installed_versions(["no-such-package"])
    {'no-such-package': 'unknown'}
    """
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = UNKNOWN
    return found


def changed_packages(recorded: Mapping[str, str]) -> tuple[str, ...]:
    """Tell which packages are not those that were recorded.

    Args:
        recorded: Package -> version.

    Returns:
        A text per package that differs; what was not known then is left out.

    >>> changed_packages({"numpy": "0.1", "no-such-package": "1.0"})  # doctest: +ELLIPSIS
    ('no-such-package is not installed, was 1.0', 'numpy ..., was 0.1')
    """
    told = []
    for name, then in sorted(recorded.items()):
        if then == UNKNOWN:
            continue
        try:
            now = version(name)
        except PackageNotFoundError:
            told.append(f"{name} is not installed, was {then}")
            continue
        if now != then:
            told.append(f"{name} {now}, was {then}")
    return tuple(told)


def read_code_version(root: Path, workspace: Path) -> CodeVersion:
    """Tell which commit the project folder stands at, and whether its files differ.

    Args:
        root: The project folder.
        workspace: Where the project writes; it is left out where it lies below the project folder.

    Returns:
        Commit and whether files of the folder were changed or added; None for what is not known: without git, without
        a work tree, or when git does not answer.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_code_version(Path(folder), Path(folder))
    CodeVersion(commit=None, is_dirty=None)
    """
    commit = _ask_git(root, "rev-parse", "--verify", "HEAD")
    if not commit:
        return CodeVersion(None, None)
    below = (
        workspace.resolve().relative_to(root.resolve()) if workspace.resolve().is_relative_to(root.resolve()) else None
    )
    only = ["--untracked-files=no"] if below == Path() else []  # it writes beside the code: only changes tell anything
    left_out = [f":(exclude){below.as_posix()}"] if below is not None and below != Path() else []
    changed = _ask_git(root, "status", "--porcelain", *only, "--", ".", *left_out)
    return CodeVersion(commit, None if changed is None else bool(changed))


def _ask_git(root: Path, *words: str) -> str | None:
    """Ask git without letting it write or wait; None when it is absent or refuses."""
    git = shutil.which("git")
    if git is None:
        return None
    quiet = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [git, "-C", str(root), *words],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE_SECONDS,
            env=quiet,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
