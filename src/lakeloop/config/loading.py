"""Reads a project's `conf/`: the only reader of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import ValidationError

from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.located_yaml import LocatedYaml, parse_yaml, shown
from lakeloop.config.mistakes import listed, rename_remedy, section_issues
from lakeloop.config.model import Model
from lakeloop.config.project import Project
from lakeloop.config.references import reference_issues
from lakeloop.config.section import Section
from lakeloop.config.source import Source
from lakeloop.config.tree import Config
from lakeloop.errors import ConfigError, ConfigIssue, UsageError

BASE = "base"
"""Folder of `conf/` that every environment starts from."""

_PROJECT_FILE = "project.yml"
_KIND_OF_FOLDER = {"sources": "source", "features": "feature_table", "models": "model"}
_SECTIONS: dict[str, type[Section]] = {
    "project": Project,
    "source": Source,
    "feature_table": FeatureTable,
    "model": Model,
}
_S = TypeVar("_S", bound=Section)


@dataclass
class _Reading:
    """What has been read so far, and every mistake met on the way."""

    documents: dict[str, LocatedYaml] = field(default_factory=dict)  # "source:outcomes" -> its file
    objects: dict[str, Section] = field(default_factory=dict)  # the same keys, without the broken ones
    broken: set[str] = field(default_factory=set)
    issues: list[ConfigIssue] = field(default_factory=list)

    def of_kind(self, kind: str, section: type[_S]) -> dict[str, _S]:
        found = {key.partition(":")[2]: value for key, value in self.objects.items() if key.startswith(f"{kind}:")}
        return {name: value for name, value in sorted(found.items()) if isinstance(value, section)}


def load_config(root: Path, env: str | None = None) -> Config:
    """Read and check a project's files.

    Args:
        root: Folder that holds `conf/`.
        env: Environment: `conf/<env>/` is laid over `conf/base/`, file by file. None reads the base alone.

    Returns:
        The configuration; every name and every column in it exists.

    Raises:
        UsageError: If there is no such environment.
        ConfigError: With all mistakes of all files.
    """
    root = root.resolve()
    _check_env(root, env)
    reading = _Reading()
    base = _read_folder(root, BASE, reading)
    over = _read_folder(root, env, reading) if env is not None else {}
    for relative, override in over.items():
        if relative not in base:
            remedy = rename_remedy(relative, base, "remove the file, or add it to conf/base")
            note = ConfigIssue(override.file, None, "the file", relative, f"a file of conf/{BASE}", remedy)
            reading.issues.append(note)
    for relative, document in base.items():
        _read_object(relative, document, over.get(relative), reading)

    project = next(iter(reading.of_kind("project", Project).values()), None)
    config = Config(
        root=root,
        env=env,
        project=project or Project(project="unknown", retention=timedelta(days=1)),  # never returned, see below
        sources=reading.of_kind("source", Source),
        feature_tables=reading.of_kind("feature_table", FeatureTable),
        models=reading.of_kind("model", Model),
        files={key: document.file for key, document in sorted(reading.documents.items())},
    )
    reading.issues += reference_issues(config, reading.documents, frozenset(reading.broken))
    if reading.issues:
        raise ConfigError(sorted(set(reading.issues), key=lambda issue: (issue.file, issue.line or 0, issue.where)))
    return config


def _check_env(root: Path, env: str | None) -> None:
    if env is None:
        return
    conf = root / "conf"
    names = sorted(p.name for p in conf.iterdir() if p.is_dir() and p.name != BASE) if conf.is_dir() else []
    if env not in names:
        remedy = rename_remedy(env, names, f"make the folder conf/{env}, or leave the environment out")
        raise UsageError("--env", repr(env), listed(names), remedy)


def _read_folder(root: Path, layer: str, reading: _Reading) -> dict[str, LocatedYaml]:
    """Read `conf/<layer>`: path below it -> file; what does not belong there is a mistake, never passed over."""
    folder = root / "conf" / layer
    if not folder.is_dir():
        problem = ConfigIssue(f"conf/{layer}", None, "the folder", "nothing", "a folder", "run `lakeloop init`")
        reading.issues.append(problem)
        return {}
    found: dict[str, LocatedYaml] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.suffix.lower() not in (".yml", ".yaml") or path.name.startswith(".") or path.is_dir():
            continue
        file = f"conf/{layer}/{relative}"
        misplaced = _misplaced(relative)
        if misplaced is not None:
            allowed = f"{_PROJECT_FILE}, {', '.join(f'{name}/<name>.yml' for name in _KIND_OF_FOLDER)}"
            reading.issues.append(ConfigIssue(file, None, "the file", relative, allowed, misplaced))
            continue
        document = _read_file(path, file)
        found[relative] = document
        reading.issues += document.issues
    if layer == BASE and _PROJECT_FILE not in found:
        problem = ConfigIssue(f"conf/{BASE}/{_PROJECT_FILE}", None, "the file", "nothing", "a file", "add it")
        reading.issues.append(problem)
    return found


def _misplaced(relative: str) -> str | None:
    """Say how to mend the place or name of a file; None where it is right."""
    path = PurePosixPath(relative)
    if path.suffix != ".yml":
        return f"rename it to {path.with_suffix('.yml').name}"
    if relative == _PROJECT_FILE or (len(path.parts) == 2 and path.parts[0] in _KIND_OF_FOLDER):
        return None
    if len(path.parts) == 1:
        return rename_remedy(relative, [_PROJECT_FILE], "move it into the folder of its kind")
    return rename_remedy(path.parts[0], _KIND_OF_FOLDER, "move it into the folder of its kind")


def _read_file(path: Path, file: str) -> LocatedYaml:
    try:
        content = path.read_bytes()
        return parse_yaml(content.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = ConfigIssue(file, line, "the file", "bytes that are not UTF-8", "UTF-8 text", "save it as UTF-8")
    except OSError as error:
        got = error.strerror or "an error"
        problem = ConfigIssue(file, None, "the file", got, "a readable file", "check its permissions")
    return LocatedYaml(file, None, {}, (problem,))


def _read_object(relative: str, document: LocatedYaml, override: LocatedYaml | None, reading: _Reading) -> None:
    """Validate one file with its override; note it under its kind and name."""
    path = PurePosixPath(relative)
    kind = "project" if len(path.parts) == 1 else _KIND_OF_FOLDER[path.parts[0]]
    if document.issues and document.data is None:
        reading.broken.add(f"{kind}:{path.stem}")
        return
    mistakes: list[ConfigIssue] = []
    if document.data is None:
        keys = f"a file that begins with `{kind}: <name>`"
        mistakes.append(document.issue((), "a file without content", keys, "fill it, or remove the file"))
    merged = document
    if override is not None and not override.issues:
        mistakes += _override_issues(kind, document, override)
        if not mistakes and override.data is not None:
            merged = document.overridden_by(override)
    name = document.data.get(kind) if isinstance(document.data, dict) else None
    key = f"{kind}:{name if isinstance(name, str) else path.stem}"
    earlier = reading.documents.get(key)
    if earlier is not None:
        got, remedy = f"{name!r} a second time", f"rename one: {earlier.file} has this name too"
        mistakes.append(document.issue((kind,), got, f"each {kind} name once", remedy))
    elif document.data is not None:
        reading.documents[key] = merged
    if not mistakes:
        try:
            reading.objects[key] = _SECTIONS[kind].model_validate(merged.data)
        except ValidationError as error:
            reported = {(issue.file, issue.where) for issue in merged.issues}
            found = section_issues(merged, error, _SECTIONS[kind])
            mistakes += [issue for issue in found if (issue.file, issue.where) not in reported]
    if mistakes or (earlier is None and key not in reading.objects):
        reading.broken.add(key)
    reading.issues += mistakes


def _override_issues(kind: str, document: LocatedYaml, override: LocatedYaml) -> Iterator[ConfigIssue]:
    if override.data is None:
        return
    if not isinstance(override.data, Mapping):
        allowed = "a section with the keys to change"
        yield override.issue((), shown(override.data), allowed, "write `key: value` pairs")
        return
    base: Mapping[str, Any] = document.data if isinstance(document.data, Mapping) else {}
    if kind in override.data and override.data[kind] != base.get(kind):
        got, allowed = shown(override.data[kind]), f"{base.get(kind)!r}, as in {document.file}"
        yield override.issue((kind,), got, allowed, f"remove the key {kind}: an environment cannot rename")
