"""Finds and reads the files of `conf/<layer>/`; what does not belong there is a mistake, never passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from lakeloop.config.located_yaml import LocatedYaml, parse_yaml
from lakeloop.config.mistakes import rename_remedy
from lakeloop.errors import ConfigIssue

BASE = "base"
"""Folder of `conf/` that every environment starts from."""

PROJECT_FILE = "project.yml"
KIND_OF_FOLDER: Mapping[str, str] = {"sources": "source", "features": "feature_table", "models": "model"}
MAX_BYTES = 1_000_000
"""Size of a file beyond which it is refused: no declaration is that long."""

_SUFFIXES = (".yml", ".yaml")


def read_folder(
    root: Path, layer: str, variables: Mapping[str, str]
) -> tuple[dict[str, LocatedYaml], list[ConfigIssue]]:
    """Read all files of a layer.

    Args:
        root: Folder that holds `conf/`.
        layer: `base`, or an environment.
        variables: Environment variables.

    Returns:
        Path below the layer -> file, in order; and the mistakes, those inside the files too.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     place = Path(folder, "conf", "base", "source")
    ...     place.mkdir(parents=True)
    ...     _ = (place / "orders.yml").write_text("source: orders")
    ...     _, issues = read_folder(Path(folder), "base", {})
    >>> issues[0].file, issues[0].remedy
    ('conf/base/source/orders.yml', "did you mean 'sources'?")
    """
    folder = root / "conf" / layer
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing"
        return {}, [ConfigIssue(f"conf/{layer}", None, "the folder", got, "a folder", "run `lakeloop init`")]
    found: dict[str, LocatedYaml] = {}
    issues: list[ConfigIssue] = []
    for path, problem in _walk(folder):
        relative = path.relative_to(folder).as_posix()
        file = f"conf/{layer}/{relative}"
        if problem is not None:
            issues.append(ConfigIssue(file, None, "the folder", *problem))
            continue
        misplaced = _misplaced(relative)
        if misplaced is not None:
            allowed = f"{PROJECT_FILE}, {', '.join(f'{name}/<name>.yml' for name in KIND_OF_FOLDER)}"
            issues.append(ConfigIssue(file, None, "the file", relative, allowed, misplaced))
        elif path.suffix.lower() in _SUFFIXES:
            found[relative] = _read_file(path, file, variables)
            issues += found[relative].issues
    if layer == BASE and PROJECT_FILE not in found:
        issues.append(ConfigIssue(f"conf/{BASE}/{PROJECT_FILE}", None, "the file", "nothing", "a file", "add it"))
    if layer == BASE and not any(relative.startswith("sources/") for relative in found):
        allowed, remedy = "at least one <name>.yml", "declare what lands: sources/<name>.yml"
        if not any("/sources/" in issue.file for issue in issues):
            issues.append(ConfigIssue(f"conf/{BASE}/sources", None, "the folder", "no source", allowed, remedy))
    return found, issues


def _walk(folder: Path) -> Iterator[tuple[Path, tuple[str, str, str] | None]]:
    """List files, through links too, as mounted configuration has them; hidden names are left alone."""
    refused: list[OSError] = []
    for here, folders, names in os.walk(folder, followlinks=True, onerror=refused.append):
        above = {os.path.realpath(here), *(os.path.realpath(parent) for parent in Path(here).parents)}
        for name in sorted(folders):
            inside = Path(here) / name
            if name.startswith("."):
                folders.remove(name)
            elif os.path.realpath(inside) in above:
                folders.remove(name)
                yield inside, ("a link to a folder that it stands in", "a folder of its own", "remove the link")
            elif inside.suffix.lower() in _SUFFIXES:
                folders.remove(name)
                yield inside, ("a folder with the name of a file", "a file", "rename the folder, or make it a file")
        folders.sort()
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(here) / name, None
    for error in refused:
        got = error.strerror or "an error"
        yield Path(str(error.filename)), (got, "a folder that can be read", "check its permissions")


def _misplaced(relative: str) -> str | None:
    """Say how to mend the place or name of a file; None where it is right, or is no configuration."""
    place = PurePosixPath(relative)
    if place.suffix.lower() not in _SUFFIXES:
        slip = place.suffix and not place.suffix.endswith("~")
        slip = slip and bool(get_close_matches(place.suffix.lower(), _SUFFIXES, n=1, cutoff=0.75))
        return f"rename it to {place.with_suffix('.yml').name}, if it is configuration" if slip else None
    if place.suffix != ".yml":
        return f"rename it to {place.with_suffix('.yml').name}"
    if relative == PROJECT_FILE or (len(place.parts) == 2 and place.parts[0] in KIND_OF_FOLDER):
        return None
    if len(place.parts) == 1:
        return rename_remedy(relative, [PROJECT_FILE], "move it into the folder of its kind")
    return rename_remedy(place.parts[0], KIND_OF_FOLDER, "move it into the folder of its kind")


def _read_file(path: Path, file: str, variables: Mapping[str, str]) -> LocatedYaml:
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for without end
            return _unread(file, None, "neither a file nor a link to one", "a file", "make it a file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            allowed = f"at most {MAX_BYTES} bytes"
            return _unread(
                file, None, f"{size} bytes", allowed, "split it: one object per file; data is no declaration"
            )
        content = path.read_bytes()
        return parse_yaml(content.decode("utf-8-sig"), file, variables)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unread(file, line, "bytes that are not UTF-8", "UTF-8 text", "save it as UTF-8")
    except OSError as error:
        remedy = "mend the link, or remove it" if path.is_symlink() else "check its permissions"
        return _unread(file, None, error.strerror or "an error", "a readable file", remedy)


def _unread(file: str, line: int | None, got: str, allowed: str, remedy: str) -> LocatedYaml:
    return LocatedYaml(file, None, {}, (ConfigIssue(file, line, "the file", got, allowed, remedy),))
