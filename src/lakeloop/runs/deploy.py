"""Writes what a scheduler is given; a file that lakeloop did not write, or that a person changed, is never replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lakeloop.errors import MAX_SHOWN, UsageError


@dataclass(frozen=True)
class Deployment:
    """Files that were written for a scheduler.

    Attributes:
        target: What they are for.
        folder: The folder, absolute.
        written: Files that are new or different now, relative to the folder.
        unchanged: Files that were the same already.
        removed: Files of an earlier call that belong to it no more.
        needs: What the scheduler has to be given beside the files.
    """

    target: str
    folder: str
    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    removed: tuple[str, ...]
    needs: tuple[str, ...] = ()


def list_name(target: str) -> str:
    """Name the file that lists what was written for a target.

    >>> list_name("airflow")
    'lakeloop-airflow.json'
    """
    return f"lakeloop-{target}.json"


def write_deployment(
    target: str, folder: Path, contents: Mapping[str, str], version: str, needs: tuple[str, ...], *, force: bool = False
) -> Deployment:
    """Write files, and the list of them with their hashes, by which the next call knows its own.

    Args:
        target: What they are for.
        folder: Where to; made where it is missing.
        contents: Path below the folder -> text.
        version: Version of lakeloop.
        needs: What the scheduler has to be given beside the files.
        force: Whether files are replaced that lakeloop did not write, or that were changed since.

    Returns:
        What was done. The same contents again change nothing.

    Raises:
        UsageError: If a file would be lost; nothing is written then.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     first = write_deployment("airflow", Path(place), {"dag.py": "a"}, "1.0", ())
    ...     again = write_deployment("airflow", Path(place), {"dag.py": "a"}, "1.0", ())
    >>> first.written, again.unchanged
    (('dag.py',), ('dag.py',))
    """
    place = folder.resolve()
    known = _read_list(place / list_name(target))
    found = {path: _hash_of(place / path) for path in {*contents, *known}}
    wanted = {path: _hash(text) for path, text in contents.items()}
    lost = _would_be_lost(known, found, wanted)
    if lost and not force:
        shown = ", ".join(f"{path} ({why})" for path, why in lost[:MAX_SHOWN])
        more = f" and {len(lost) - MAX_SHOWN} more" if len(lost) > MAX_SHOWN else ""
        allowed = "files that lakeloop has written and nobody has changed"
        remedy = "move the changes into conf/ or elsewhere, or give them up with --force; nothing was written"
        raise UsageError("--to", f"{folder}, where there is {shown}{more}", allowed, remedy)
    removed = tuple(sorted(path for path in known if path not in contents and found[path] is not None))
    written = tuple(sorted(path for path in contents if found[path] != wanted[path]))
    for path in written:
        _write(place / path, contents[path])
    for path in removed:
        (place / path).unlink()
    listed = {"lakeloop": version, "target": target, "files": dict(sorted(wanted.items()))}
    text = json.dumps(listed, indent=2) + "\n"
    if _hash_of(place / list_name(target)) != _hash(text):
        _write(place / list_name(target), text)
    unchanged = tuple(sorted(path for path in contents if path not in written))
    return Deployment(target, str(place), written, unchanged, removed, needs)


def describe_deployment(done: Deployment) -> str:
    """Write for a person what was written, and what is to be done next.

    Args:
        done: What was done.

    Returns:
        Lines of plain text.

    >>> print(describe_deployment(Deployment("airflow", "/dags", ("dag.py",), (), (), ("set LAKELOOP_PROGRAM",))))
    airflow: /dags
      written    dag.py
    next
      set LAKELOOP_PROGRAM
    """
    kinds = (("written", done.written), ("unchanged", done.unchanged), ("removed", done.removed))
    lines = [f"{done.target}: {done.folder}"]
    lines += [f"  {kind:<9}  {path}" for kind, paths in kinds for path in paths]
    return "\n".join([*lines, *(["next", *(f"  {each}" for each in done.needs)] if done.needs else [])])


def _would_be_lost(
    known: Mapping[str, str], found: Mapping[str, str | None], wanted: Mapping[str, str]
) -> list[tuple[str, str]]:
    """List the files that are there and are not what lakeloop wrote, with the reason; what is wanted is no loss."""
    lost = []
    for path, here in sorted(found.items()):
        if here is None or here in (wanted.get(path), known.get(path)):
            continue
        lost.append((path, "changed since" if path in known else "not written by lakeloop"))
    return lost


def _read_list(path: Path) -> dict[str, str]:
    """Read what an earlier call wrote; empty where there was none, or its list is none any more."""
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        return {str(name): str(value) for name, value in files.items() if _is_below(str(name))}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _is_below(name: str) -> bool:
    """Whether a listed path stays in its folder: nothing else may be removed by a list that somebody wrote."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


def _hash_of(path: Path) -> str | None:
    if path.is_symlink() or not path.exists():
        return "a link" if path.is_symlink() else None
    return _hash(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else "no file"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Put a file in place whole; one that was cut off would look like one that a person changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    part.replace(path)
