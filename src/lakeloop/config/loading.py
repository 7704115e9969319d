"""Reads a project's `conf/`: the only reader of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import ValidationError

from lakeloop.config.estimator_issues import estimator_issues
from lakeloop.config.feature_function import code_hash
from lakeloop.config.feature_table import FeatureTable
from lakeloop.config.files import BASE, KIND_OF_FOLDER, read_folder
from lakeloop.config.located_yaml import LocatedYaml, dotted
from lakeloop.config.mending import mend
from lakeloop.config.mistakes import listed, rename_remedy, section_issues
from lakeloop.config.model import Model
from lakeloop.config.overrides import override_issues
from lakeloop.config.place_issues import place_issues
from lakeloop.config.project import Project
from lakeloop.config.references import reference_issues
from lakeloop.config.secrets import declared_secrets, secrets_of
from lakeloop.config.section import Section
from lakeloop.config.source import Source
from lakeloop.config.traps import trap_issues
from lakeloop.config.tree import Config
from lakeloop.config.variables import hide_values, references
from lakeloop.errors import ConfigError, ConfigIssue, UsageError

_SECTIONS: dict[str, type[Section]] = {
    "project": Project,
    "source": Source,
    "feature_table": FeatureTable,
    "model": Model,
}
_MAX_ROUNDS = 10
_S = TypeVar("_S", bound=Section)


@dataclass
class _Reading:
    """What has been read so far, and every mistake met on the way."""

    documents: dict[str, LocatedYaml] = field(default_factory=dict)  # "source:outcomes" -> its file
    objects: dict[str, Section] = field(default_factory=dict)  # the same keys, without the broken ones
    broken: set[str] = field(default_factory=set)
    unfit: set[str] = field(default_factory=set)  # models whose estimator's declaration is wrong
    issues: list[ConfigIssue] = field(default_factory=list)

    def of_kind(self, kind: str, section: type[_S]) -> dict[str, _S]:
        found = {key.partition(":")[2]: value for key, value in self.objects.items() if key.startswith(f"{kind}:")}
        return {name: value for name, value in sorted(found.items()) if isinstance(value, section)}


def load_config(
    root: Path,
    env: str | None = None,
    *,
    variables: Mapping[str, str] | None = None,
    import_estimators: bool = False,
) -> Config:
    """Read and check a project's files.

    Args:
        root: Folder that holds `conf/`.
        env: Environment: `conf/<env>/` is laid over `conf/base/`, file by file. None reads the base alone.
        variables: Variables for `${NAME}`, and secrets by `secret:scope/key`; those of the process by default.
        import_estimators: Whether to import the estimators' classes and check their parameters.

    Returns:
        The configuration; every name and every column in it exists.

    Raises:
        UsageError: If there is no such environment.
        ConfigError: With all mistakes of all files.

    >>> config = load_config(Path())  # in a checkout of lakeloop: its flights project
    >>> sorted(config.models), config.sources["weather"].key
    (['arrival_delay', 'late_arrival'], ('origin', 'observed_ts'))
    >>> load_config(Path(), env="production")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    lakeloop.errors.UsageError: --env: got 'production'; allowed: ...; remedy: make the folder conf/production, ...
    """
    root = root.resolve()
    _check_env(root, env)
    known = os.environ if variables is None else variables
    reading = _Reading()
    base, issues = read_folder(root, BASE, known)
    reading.issues += issues
    over: dict[str, LocatedYaml] = {}
    if env is not None:
        over, issues = read_folder(root, env, known)
        reading.issues += issues
    for relative, override in over.items():
        if relative not in base:
            remedy = rename_remedy(relative, base, "remove the file, or add it to conf/base")
            note = ConfigIssue(override.file, None, "the file", relative, f"a file of conf/{BASE}", remedy)
            reading.issues.append(note)
    for relative, document in base.items():
        _read_object(relative, document, over.get(relative), reading)

    project = next(iter(reading.of_kind("project", Project).values()), None)
    tables = reading.of_kind("feature_table", FeatureTable)
    hashes = {name: code_hash(root, each.python) for name, each in tables.items() if each.python is not None}
    config = Config(
        root=root,
        env=env,
        project=project or Project(project="unknown", retention=timedelta(days=1)),  # never returned, see below
        sources=reading.of_kind("source", Source),
        feature_tables=tables,
        models=reading.of_kind("model", Model),
        files={key: document.file for key, document in sorted(reading.documents.items())},
        written={key: each.variables for key, each in sorted(reading.documents.items()) if each.variables},
        code={name: each for name, each in hashes.items() if each is not None},
        hidden=dict.fromkeys(declared_secrets(reading.objects.values()), "(hidden)")
        | secrets_of((*base.values(), *over.values())),
        secrets=_secrets_of((*base.values(), *over.values())),
    )
    reading.issues += reference_issues(config, reading.documents, frozenset(reading.broken))
    if project is not None:
        reading.issues += place_issues(config, reading.documents[f"project:{project.project}"])
    if import_estimators:
        for name in [each for each in config.models if each not in reading.unfit]:
            reading.issues += estimator_issues(reading.documents[f"model:{name}"], config.models[name])
    if reading.issues:
        values = references(each.values for each in (*base.values(), *over.values()))
        raise ConfigError(_in_order(reading.issues, values))
    return config


def read_document(config: Config, key: str) -> LocatedYaml:
    """Read the file of an object again, for the place of something that was found wrong only now.

    Args:
        config: The project.
        key: Kind and name, `source:outcomes`.

    Returns:
        The file, with that of the environment laid over it.

    >>> document = read_document(load_config(Path()), "source:weather")
    >>> document.file, document.places[("key",)].key_line > 1
    ('conf/base/sources/weather.yml', True)
    """
    relative = PurePosixPath(config.files[key]).relative_to("conf", BASE).as_posix()
    variables = {**os.environ, **config.secrets}
    document = read_folder(config.root, BASE, variables)[0][relative]
    over = None if config.env is None else read_folder(config.root, config.env, variables)[0].get(relative)
    return document if over is None or over.data is None else document.overridden_by(over)


def _secrets_of(documents: Iterable[LocatedYaml]) -> dict[str, str]:
    """Give the secrets that files refer to by a scope, by their names."""
    known = references(each.values for each in documents)
    return {name[2:-1]: value for value, name in known.items() if name.startswith("${secret:")}


def _in_order(issues: list[ConfigIssue], values: Mapping[str, str]) -> list[ConfigIssue]:
    """Put every mistake once, by file and line, without the values of variables."""
    found = {
        ConfigIssue(
            each.file,
            each.line,
            each.where,
            *(hide_values(text, values) for text in (each.got, each.allowed, each.remedy)),
        )
        for each in issues
    }
    return sorted(found, key=lambda each: (each.file, each.line or 0, each.where, each.got))


def _check_env(root: Path, env: str | None) -> None:
    if env is None:
        return
    conf = root / "conf"
    names = sorted(p.name for p in conf.iterdir() if p.is_dir() and p.name != BASE) if conf.is_dir() else []
    if env not in names:
        remedy = rename_remedy(env, names, f"make the folder conf/{env}, or leave the environment out")
        raise UsageError("--env", repr(env), listed(names), remedy)


def _read_object(relative: str, document: LocatedYaml, override: LocatedYaml | None, reading: _Reading) -> None:
    """Validate one file with its override; note it under its kind and name."""
    path = PurePosixPath(relative)
    kind = "project" if len(path.parts) == 1 else KIND_OF_FOLDER[path.parts[0]]
    if document.issues and document.data is None:
        reading.broken.add(f"{kind}:{path.stem}")
        return
    mistakes: list[ConfigIssue] = []
    merged = document
    if override is not None and (override.data is not None or not override.issues):
        mistakes += override_issues(kind, document, override)
        if not mistakes and override.data is not None:
            merged = document.overridden_by(override)
    name = document.data.get(kind) if isinstance(document.data, dict) else None
    key = f"{kind}:{name if isinstance(name, str) else path.stem}"
    earlier = reading.documents.get(key)
    if document.data is None:
        keys = f"a file that begins with `{kind}: <name>`"
        mistakes.append(document.issue((), "a file without content", keys, "fill it, or remove the file"))
        reading.broken.add(key)
    else:
        found, checked, touched = _validate(kind, merged)
        mistakes += found
        if earlier is not None:
            got = f"{document.shown_at((kind,))} a second time"
            remedy = f"rename one: {earlier.file} has this name too"
            mistakes.append(document.issue((kind,), got, f"each {kind} name once", remedy))
        else:
            reading.documents[key] = merged
            if checked is None:
                reading.broken.add(key)
            else:
                reading.objects[key] = checked
        if "estimator" in touched:
            reading.unfit.add(key.partition(":")[2])
    reading.issues += mistakes


def _validate(kind: str, document: LocatedYaml) -> tuple[list[ConfigIssue], Section | None, frozenset[str]]:
    """Read a file as its section; what is wrong is told and left out, so that the rest is judged in the same go.

    Returns:
        The mistakes; the section, None where too much is wrong; the top-level keys of which something was left out.
    """
    section = _SECTIONS[kind]
    mistakes: list[ConfigIssue] = [*trap_issues(kind, document)]
    reported = {issue.where for issue in (*document.issues, *mistakes)}
    data, touched = document.data, frozenset[str]()
    for _ in range(_MAX_ROUNDS):
        try:
            return mistakes, section.model_validate(data), touched
        except ValidationError as error:
            told = [each for each in section_issues(document, error, section) if not _follows(each.where, reported)]
            mistakes += told
            reported |= {issue.where for issue in told}
            mended = mend(kind, data, error, section)
            if mended is None:
                break
            data, touched = mended[0], touched | mended[1]
    return mistakes, None, touched


def _follows(where: str, reported: set[str]) -> bool:
    """Whether something at this place, or in the section that stands here, is told already."""
    if where == dotted(()):
        return bool(reported)
    return any(each == where or each.startswith((f"{where}.", f"{where}[")) for each in reported)
